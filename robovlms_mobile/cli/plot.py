"""`robovlms-mobile plot`: the curves of one or more runs in one picture."""

import argparse
from pathlib import Path

HELP = "draw loss and every logged metric of one or more runs over their epochs"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("runs", nargs="+", metavar="RUN", help="a run's folder, or a folder of runs: the newest")
    parser.add_argument("--out", required=True, metavar="FILE", help="picture to write: .png, .svg or .pdf")


def run(args: argparse.Namespace) -> int:
    """Draw and say where. Returns 0."""
    from robovlms_mobile.evaluation.comparison import labels
    from robovlms_mobile.evaluation.run_curves import draw, history_of

    histories = {label: history_of(path) for label, path in labels(args.runs).items()}
    print(draw(histories, Path(args.out)))
    return 0
