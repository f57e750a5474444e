"""`robovlms-mobile tiny-vlm`: a tiny random Kosmos-2 with its processor."""

import argparse
import json

HELP = "make a tiny random Kosmos-2 with its processor, to try a config without the real model"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("folder", metavar="DIR", help="folder to make")
    parser.add_argument("--seed", type=int, default=0, help="of the random weights (default 0)")
    parser.add_argument("--force", action="store_true", help="replace an earlier tiny VLM in DIR")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    """Make the folder and say what is in it. Returns 0."""
    from robovlms_mobile.simulation.tiny_vlm import make_tiny_vlm

    folder = make_tiny_vlm(args.folder, seed=args.seed, overwrite=args.force)
    size = sum(path.stat().st_size for path in folder.iterdir())
    if args.json:
        print(json.dumps({"folder": str(folder), "seed": args.seed, "bytes": size}))
    else:
        print(f"{folder}: a tiny random Kosmos-2 with its processor, {size / 1e6:.1f} MB, seed {args.seed}")
    return 0
