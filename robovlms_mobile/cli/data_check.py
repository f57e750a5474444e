"""`robovlms-mobile data check DIR`: every file looked at, everything found listed, worst first."""

import argparse
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from robovlms_mobile.checking.folder import Check

HELP = "look at every episode and list what is wrong, worst first, and what would mislead a training"
MARKS = {"ok": "·", "warn": "!", "error": "✗"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("folder", metavar="DIR", help="folder of the episode files")
    parser.add_argument("--pattern", default="episode_*.h5", help="which files (default episode_*.h5)")
    parser.add_argument("--window", type=int, default=4, help="window_size (default 4)")
    parser.add_argument("--chunk", type=int, default=10, help="fwd_pred_next_n (default 10)")
    parser.add_argument("--train-split", type=float, default=0.8, help="part that trains (default 0.8)")
    parser.add_argument("--color-order", choices=("rgb", "bgr"), help="what the config says, for files that do not")
    parser.add_argument(
        "--picture", metavar="FILE", help="where both readings of unsaid colours go (default: DIR, hidden)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Check and print. Returns 1 when a file cannot be used or a run would learn the wrong thing, else 0."""
    from pathlib import Path

    from tqdm import tqdm

    from robovlms_mobile.checking.colour_pictures import write_sheet
    from robovlms_mobile.checking.folder import check_folder
    from robovlms_mobile.data.block import Block
    from robovlms_mobile.data.episodes import find_episodes
    from robovlms_mobile.data.frame_store.store import place_of

    given = {"train_split": args.train_split, "color_order": args.color_order}
    block = Block(data_dir=args.folder, episode_pattern=args.pattern, **given)
    total = len(find_episodes(block.data_dir, block.episode_pattern))
    with tqdm(total=total, unit=" episodes", disable=args.json, delay=0.5) as bar:
        check = check_folder(block, args.window, args.chunk, progress=bar.update)
    place = Path(args.picture) if args.picture else place_of(args.folder) / "colours.png"
    picture = str(place) if write_sheet(check.sources, place) else None
    if args.json:
        print(json.dumps({**check.to_json(), "picture": picture}, indent=2))
    else:
        print(format_check(check) + (f"\nRGB or BGR? Both readings of each source: {picture}" if picture else ""))
    return 1 if check.bad or any(each.level == "error" for each in check.misleading) else 0


def format_check(check: "Check") -> str:
    """Return the findings as text, a line each, and a sum."""
    lines = [f"✗ {each.file}: {each.problem}" for each in check.bad]
    lines += [f"! {each.file}: {each.problem}" for each in check.warnings]
    lines += [f"{MARKS[each.level]} {each.what}" + (f": {each.fix}" if each.fix else "") for each in check.misleading]
    if check.events:
        lines.append("· events: " + ", ".join(f"{name[:40]} {count}" for name, count in check.events.items()))
    windows = check.windows
    found = len(check.warnings) + sum(each.level != "ok" for each in check.misleading)
    lines.append(
        f"{check.good} of {check.episodes} episodes good, {check.frames} frames, {found} to look at; "
        f"windows: {windows['train']} training, {windows['val']} validation"
    )
    return "\n".join(lines)
