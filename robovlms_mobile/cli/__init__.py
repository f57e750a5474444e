"""The command line: one thin module a verb. A verb parses, calls, prints; its heavy imports wait until it runs.

A verb module has `HELP` (one line), `configure(parser)` and `run(args) -> exit status`.
"""

import argparse
import importlib
import sys

from robovlms_mobile import __version__
from robovlms_mobile.errors import MobileError
from robovlms_mobile.launch.messages import message

VERBS = {
    "train": "train",
    "summary": "summary",
    "export": "export",
    "doctor": "doctor",
    "data": "data",
    "bench": "bench",
    "upstream": "upstream",
    "synth": "synth",
    "tiny-vlm": "tiny_vlm",
}


def build_parser():
    """Return the parser of all verbs; builds even where torch is missing."""
    parser = argparse.ArgumentParser(
        prog="robovlms-mobile", description="LoRA finetuning for mobile robots on RoboVLMs."
    )
    parser.add_argument("--version", action="version", version=f"robovlms-mobile {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb, name in VERBS.items():
        module = importlib.import_module(f"robovlms_mobile.cli.{name}")
        sub = verbs.add_parser(verb, help=module.HELP, description=module.HELP)
        module.configure(sub)
        sub.set_defaults(run=module.run)
    return parser


def main(argv=None):
    """Run one verb. Returns its exit status: 0 fine, 1 found a problem or failed, 2 wrong usage."""
    args = build_parser().parse_args(argv)
    try:
        return args.run(args)
    except MobileError as error:
        print(f"robovlms-mobile {args.verb}: {message(error)}", file=sys.stderr)
        return 1
