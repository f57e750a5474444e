"""`robovlms-mobile data check|report|cache|import|export DIR`: one thin file a verb, `data_*.py` beside this one."""

import argparse
import importlib

HELP = "check, describe, decode, import or export a folder of episodes"
VERBS = ("check", "report", "cache", "import", "export")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verbs, each with its own arguments."""
    verbs = parser.add_subparsers(dest="data_verb", metavar="VERB", required=True)
    for verb in VERBS:
        module = importlib.import_module(f"robovlms_mobile.cli.data_{verb}")
        sub = verbs.add_parser(verb, help=module.HELP, description=module.HELP)
        module.configure(sub)
        sub.set_defaults(run_data=module.run)


def run(args: argparse.Namespace) -> int:
    """Run the chosen verb."""
    return args.run_data(args)
