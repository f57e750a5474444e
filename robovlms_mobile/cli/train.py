"""`robovlms-mobile train CONFIG [main.py flags]`: upstream's main.py, unchanged, in a prepared process."""

import argparse

HELP = "train: run the checkout's own main.py with the plugin in place"


def configure(parser):
    """Add the verb's arguments."""
    parser.add_argument("--root", metavar="DIR", help="RoboVLMs checkout (default: $ROBOVLMS_ROOT, then ./RoboVLMs)")
    parser.add_argument("config", metavar="CONFIG", help="JSON config, e.g. configs/mobile_vla_lora.json")
    parser.add_argument(
        "flags", nargs=argparse.REMAINDER, metavar="...", help="flags for main.py, e.g. --max_epochs 20"
    )


def run(args):
    """Train. Raises CheckoutError without a checkout, ConfigError for one that does not parse or shards the model."""
    from robovlms_mobile import launch, plugin
    from robovlms_mobile.config import load_config
    from robovlms_mobile.training.options import check_strategy
    from robovlms_mobile.upstream import require_checkout

    root = require_checkout(args.root)
    check_strategy(load_config(args.config))
    plugin.register()
    launch.run_main(root, [args.config, *args.flags])
    return 0
