"""`robovlms-mobile data import SOURCE --to DIR`: a LeRobotDataset or rosbag2 recordings as episodes."""

import argparse
import json
from pathlib import Path

HELP = "write a LeRobotDataset (extra lerobot) or rosbag2 recordings (extra rosbag) as episode files"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="a LeRobotDataset (folder, or hf://datasets/OWNER/NAME), a bag (folder, .mcap, .db3), or a folder of bags",
    )
    parser.add_argument("--to", required=True, metavar="DIR", help="a new or empty folder for the episodes")
    parser.add_argument("--json", action="store_true", help="print JSON")
    theirs = parser.add_argument_group("from a LeRobotDataset")
    theirs.add_argument("--camera", metavar="KEY", help="which of several, e.g. observation.images.front")
    theirs.add_argument(
        "--actions", metavar="A,B", help="what the columns of its action are (default: as it names them)"
    )
    bags = parser.add_argument_group("from rosbag2")
    bags.add_argument("--image-topic", metavar="T", help="Image or CompressedImage (default: the only one)")
    bags.add_argument(
        "--command-topic", default="/cmd_vel", metavar="T", help="Twist or TwistStamped (default /cmd_vel)"
    )
    bags.add_argument("--rate", type=float, metavar="HZ", help="frames a second to keep (default: all)")
    bags.add_argument(
        "--within",
        type=float,
        default=0.5,
        metavar="S",
        help="seconds between a frame and its command; where none is so near, an episode ends (default 0.5)",
    )
    bags.add_argument("--instruction", metavar="TEXT", help="what the robot was told in these bags")
    bags.add_argument("--scenario", metavar="NAME", help="for the names, e.g. 1box_hori_left")


def run(args: argparse.Namespace) -> int:
    """Import and say what was made. Returns 0. Raises DataError also where the disk does not take it."""
    from tqdm import tqdm

    from robovlms_mobile.errors import DataError
    from robovlms_mobile.interchange.lerobot_format import INFO

    lerobot = args.source.startswith("hf://") or (Path(args.source) / INFO).is_file()
    with tqdm(unit=" episodes" if lerobot else " bags", disable=args.json, delay=0.5) as bar:
        try:
            done, lines = (_lerobot if lerobot else _bags)(args, bar.update)
        except OSError as error:
            raise DataError(f"{args.to} cannot be written ({error.strerror or error}).") from error
    print(json.dumps(done.to_json(), indent=2) if args.json else "\n".join(lines))
    return 0


def _lerobot(args, progress):
    from robovlms_mobile.interchange.lerobot_format import place_of
    from robovlms_mobile.interchange.lerobot_import import import_lerobot

    names = tuple(args.actions.split(",")) if args.actions else None
    done = import_lerobot(place_of(args.source), args.to, args.camera, names, progress)
    lines = [f"{done.episodes} episodes, {done.frames} frames in {done.place}"]
    if done.left_out:
        lines.append(f"left out: the actions {', '.join(done.left_out)}, which are no velocity of ours")
    if done.several_tasks:
        lines.append(f"{done.several_tasks} episodes change their task on the way: each has its first one alone")
    return done, lines


def _bags(args, progress):
    from robovlms_mobile.interchange.bag_import import BagOptions, import_bags

    options = BagOptions(args.image_topic, args.command_topic, args.rate, args.within, args.instruction, args.scenario)
    done = import_bags(args.source, args.to, options, progress)
    lines = [
        f"{done.episodes} episodes, {done.frames} frames from {done.bags} bags in {done.place}",
        f"between a frame and its command: {done.spread}",
    ]
    if done.left_out:
        lines.append(f"{done.left_out} frames have no command within {args.within:g} s and are left out")
    return done, lines
