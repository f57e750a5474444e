"""`robovlms-mobile train CONFIG [main.py flags]`: upstream's main.py, unchanged, in a prepared process."""

import argparse

HELP = "train: run the checkout's own main.py with the plugin in place"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("--root", metavar="DIR", help="RoboVLMs checkout (default: $ROBOVLMS_ROOT, then ./RoboVLMs)")
    parser.add_argument("--verbose", action="store_true", help="show all that upstream and Lightning print")
    parser.add_argument("config", metavar="CONFIG", help="JSON config, e.g. configs/mobile_vla_lora.json")
    parser.add_argument(
        "flags", nargs=argparse.REMAINDER, metavar="...", help="flags for main.py, e.g. --max_epochs 20"
    )


def run(args: argparse.Namespace) -> int:
    """Train.

    Raises:
        CheckoutError: no checkout.
        ConfigError: a config that does not parse or that every run refuses, or not as many processes as it asks for.
    """
    from robovlms_mobile import plugin
    from robovlms_mobile.checkout.location import require_checkout
    from robovlms_mobile.config.load import load_config
    from robovlms_mobile.config.refusals import check_run
    from robovlms_mobile.launch import noise
    from robovlms_mobile.launch.ranks import check_processes
    from robovlms_mobile.launch.running import run_main

    root, flags = require_checkout(args.root), [flag for flag in args.flags if flag != "--verbose"]
    configs = load_config(args.config)
    check_run(configs)
    program = f"-m robovlms_mobile train {f'--root {args.root} ' if args.root else ''}{args.config}"
    check_processes(program, configs, flags)
    plugin.register()
    verbose = args.verbose or len(flags) < len(args.flags) or noise.wanted(configs)
    run_main(root, [args.config, *flags], verbose)
    return 0
