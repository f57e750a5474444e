"""`robovlms-mobile synth`: synthetic episodes in the collector's format."""

import argparse
import json
import time

HELP = "write synthetic episodes as the robot's collector does"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("folder", metavar="DIR", help="folder to write into; made if absent")
    parser.add_argument("--episodes", type=int, default=24, metavar="N", help="how many (default 24)")
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="the same seed gives the same episodes (default 0)"
    )
    parser.add_argument("--size", type=_size, default=(1280, 720), metavar="WxH", help="of a frame (default 1280x720)")
    parser.add_argument("--frames", type=int, default=18, metavar="T", help="frames an episode (default 18)")
    parser.add_argument(
        "--layout", choices=["current", "older"], default="current", help="of the file (default current)"
    )
    parser.add_argument("--date", default="20251114", metavar="YYYYMMDD", help="in the names (default 20251114)")
    parser.add_argument(
        "--instructions",
        choices=["some", "all", "none"],
        default="some",
        help="which files carry a language_instruction (default some: half of them)",
    )
    parser.add_argument("--workers", type=int, metavar="N", help="processes (default: one a core for large work)")
    parser.add_argument("--force", action="store_true", help="overwrite files of the same names")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    """Write the episodes and say how many. Returns 0."""
    from tqdm import tqdm

    from robovlms_mobile.simulation.recordings import write_episodes

    began = time.monotonic()
    with tqdm(total=args.episodes, unit="episode", disable=args.json, delay=0.5) as bar:
        paths = write_episodes(
            args.folder,
            episodes=args.episodes,
            seed=args.seed,
            size=args.size,
            frames=args.frames,
            layout=args.layout,
            date=args.date,
            instructions=args.instructions,
            overwrite=args.force,
            workers=args.workers,
            progress=lambda path: bar.update(),
        )
    _report(args, paths, sum(path.stat().st_size for path in paths), time.monotonic() - began)
    return 0


def _report(args, paths, size, seconds):
    if args.json:
        done = {"folder": args.folder, "episodes": [path.name for path in paths], "bytes": size, "seconds": seconds}
        print(json.dumps(done))
    else:
        width, height = args.size
        print(
            f"{args.folder}: {len(paths)} episodes of {args.frames} frames at {width}x{height}, "
            f"{size / 1e6:.1f} MB, seed {args.seed}, in {seconds:.1f} s"
        )


def _size(text):
    try:
        width, height = map(int, text.lower().split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not WIDTHxHEIGHT, e.g. 640x360") from None
    return width, height
