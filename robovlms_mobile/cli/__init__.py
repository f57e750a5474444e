"""The command line: one thin module a verb. A verb parses, calls, prints; its heavy imports wait until it runs.

A verb module has `HELP` (one line), `configure(parser)` and `run(args) -> exit status`.
"""

import argparse
import importlib
import os
import select
import sys

from robovlms_mobile import __version__
from robovlms_mobile.errors import MobileError
from robovlms_mobile.launch.messages import message

VERBS = {
    "train": "train",
    "summary": "summary",
    "export": "export",
    "doctor": "doctor",
    "rehearse": "rehearse",
    "data": "data",
    "bench": "bench",
    "upstream": "upstream",
    "verify": "verify",
    "eval": "eval",
    "drive": "drive",
    "ros": "ros",
    "ros-sim": "ros_sim",
    "plot": "plot",
    "serve": "serve",
    "synth": "synth",
    "tiny-vlm": "tiny_vlm",
}


def build_parser(only: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of all verbs, or of the one verb `only`; builds even where torch is missing."""
    parser = argparse.ArgumentParser(
        prog="robovlms-mobile", description="LoRA finetuning for mobile robots on RoboVLMs."
    )
    parser.add_argument("--version", action="version", version=f"robovlms-mobile {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb in [only] if only else VERBS:
        module = importlib.import_module(f"robovlms_mobile.cli.{VERBS[verb]}")
        sub = verbs.add_parser(verb, help=module.HELP, description=module.HELP)
        module.configure(sub)
        sub.set_defaults(run=module.run)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one verb.

    Returns:
        its exit status: 0 fine, 1 found a problem or failed, 2 wrong usage, 141 nobody reads the output any more.
    """
    try:
        try:
            return _run(sys.argv[1:] if argv is None else argv)
        finally:
            sys.stdout.flush()  # here, where a closed output can still be answered
    except BrokenPipeError:
        if not _output_is_closed():  # another pipe broke: that is no fine end
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more when it ends
        return 141  # as a program that SIGPIPE ended


def _run(argv):
    args = build_parser(argv[0] if argv and argv[0] in VERBS else None).parse_args(argv)
    try:
        return args.run(args)
    except MobileError as error:
        print(f"robovlms-mobile {args.verb}: {message(error)}", file=sys.stderr)
        return 1


def _output_is_closed():
    """Whether nobody reads standard output any more, as in `… | head` once it has its lines."""
    poll = select.poll()
    poll.register(sys.stdout, select.POLLOUT)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
