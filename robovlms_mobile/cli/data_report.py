"""`robovlms-mobile data report DIR --out FOLDER`: one page about the episodes, with its pictures."""

import argparse
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from robovlms_mobile.report.facts import Facts

HELP = "write one page about a folder of episodes: what is in it, what it already predicts, what is missing"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("folder", metavar="DIR", help="folder of the episode files")
    parser.add_argument("--out", required=True, metavar="FOLDER", help="where report.html and its PNGs go")
    parser.add_argument("--pattern", metavar="P", help="which files (default: the config's, else episode_*.h5)")
    parser.add_argument("--config", metavar="CONFIG", help="a training config: windows, split, colours, parameters")
    parser.add_argument("--json", action="store_true", help="print the facts as JSON")


def run(args: argparse.Namespace) -> int:
    """Write the report and say where it is. Raises DataError or ConfigError; 0 otherwise."""
    from pathlib import Path

    from robovlms_mobile.config.load import load_config
    from robovlms_mobile.report.writing import PAGE, write_report

    config = load_config(args.config) if args.config else None
    with _bars(hidden=args.json) as progress:
        facts = write_report(args.folder, args.out, args.pattern, config, progress)
    page = Path(args.out) / PAGE
    print(json.dumps({"page": str(page), **facts.to_json()}, indent=2) if args.json else format_facts(facts, page))
    return 0


def format_facts(facts: "Facts", page: "Path") -> str:
    """Return the gist of a report as text, a line a fact."""
    lines = [f"page        {page}", f"episodes    {facts.episodes} ({facts.frames} frames)"]
    if facts.sides:
        training, validation = facts.sides.training.windows, facts.sides.validation.windows
        lines.append(f"windows     {training} for training, {validation} for validation")
        lines += [f"never seen  {facts.sides.hidden}"] if facts.sides.hidden else []
    if facts.baselines:
        best = min(facts.baselines, key=lambda baseline: baseline.error)
        lines.append(f"to beat     {best.error:.3f} m/s ({best.name})")
    lines.append(f"alike       {len(facts.duplicates)} near-duplicate pairs")
    lines += [f"misleads    {each.what}" for each in facts.misleading]
    if facts.needs:
        lines.append(f"record next {facts.needs[0].what}")
    lines += [f"not used    {problem}" for problem in (*facts.bad, *facts.undecodable)]
    return "\n".join(lines)


@contextmanager
def _bars(hidden):
    """Yield `progress(what, done, total)`, one bar for each kind of work."""
    from tqdm import tqdm

    bars = {}

    def progress(what, done, total):
        if what not in bars:
            bars[what] = tqdm(total=total, desc=what, unit=" episodes", disable=hidden, delay=0.5)
        bars[what].update(done - bars[what].n)
        if done == total:
            bars[what].close()

    try:
        yield progress
    finally:
        for bar in bars.values():
            bar.close()
