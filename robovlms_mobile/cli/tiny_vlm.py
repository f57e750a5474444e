"""`robovlms-mobile tiny-vlm`: a tiny Kosmos-2 with its processor, one that sees, a random one, or trained afresh."""

import argparse
import json

from robovlms_mobile.errors import ModelError

HELP = "make a tiny Kosmos-2 that sees the synthetic room, or a random one, to try a config without the real model"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("folder", metavar="DIR", help="folder to make")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--random", action="store_true", help="random weights, 224 pixels: it has learned nothing")
    how.add_argument(
        "--pretrain",
        type=int,
        metavar="STEPS",
        help="train it here as the shipped one was (3600 steps: half an hour of one core) instead of copying that",
    )
    parser.add_argument(
        "--size",
        choices=("tiny", "full"),
        default="tiny",
        help="full: Kosmos-2's own architecture, 1.66 billion random weights, 3.3 GB: to try time and memory",
    )
    parser.add_argument("--seed", type=int, default=0, help="of random weights and of pretraining (default 0)")
    parser.add_argument("--force", action="store_true", help="replace an earlier tiny VLM in DIR")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    """Make the folder and say what is in it. Returns 0."""
    from robovlms_mobile.simulation.tiny_vlm import BLIND, FULL, make_seeing_vlm, make_tiny_vlm, record_of

    if args.size == "full" and args.pretrain is not None:
        raise ModelError("--pretrain is for the tiny model: one of full size would take weeks here. Leave one out.")
    if args.random or args.size == "full":
        shape = FULL if args.size == "full" else BLIND
        folder = make_tiny_vlm(args.folder, seed=args.seed, overwrite=args.force, shape=shape)
    elif args.pretrain is not None:
        folder = _pretrained(args)
    else:
        folder = make_seeing_vlm(args.folder, overwrite=args.force)
    size, record = sum(path.stat().st_size for path in folder.iterdir()), record_of(folder)
    if args.json:
        print(json.dumps({"folder": str(folder), "seed": args.seed, "bytes": size, "record": record}))
    else:
        print(f"{folder}: a {args.size} Kosmos-2 with its processor, {size / 1e6:.1f} MB, {_told(record, args.seed)}")
    return 0


def _pretrained(args):
    from tqdm import tqdm

    from robovlms_mobile.simulation.pretraining import pretrain

    with tqdm(total=args.pretrain, unit="step", disable=args.json) as bar:
        return pretrain(args.folder, args.pretrain, args.seed, args.force, progress=lambda step, loss: bar.update())


def _told(record, seed):
    if record is None:
        return f"random weights of seed {seed}"
    figures = ", ".join(f"{name} {value}" for name, value in record["figures"].items())
    return f"trained on {record['trained_on']}; on rooms held out: {figures}"
