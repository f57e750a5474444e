"""`robovlms-mobile data export DIR … --to TARGET`: episodes as a LeRobotDataset."""

import argparse
import json

HELP = "write folders of episodes as one LeRobotDataset (v3); needs the extra lerobot"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument(
        "folders", metavar="DIR", nargs="+", help="folders of episode files; each is a source of its own"
    )
    parser.add_argument(
        "--to",
        required=True,
        metavar="TARGET",
        help="a new folder; or hf://datasets/OWNER/NAME, pushed to the hub, which we could not try",
    )
    parser.add_argument("--pattern", default="episode_*.h5", help="which files (default episode_*.h5)")
    parser.add_argument(
        "--color-order",
        nargs="+",
        choices=("rgb", "bgr"),
        default=[None],
        help="of files that do not say: one for all folders, or one for each (default: their pixels say)",
    )
    parser.add_argument("--instruction", metavar="TEXT", help="of all episodes (default: the files' own)")
    parser.add_argument("--fps", type=int, metavar="N", help="frames a second (default: as recorded, rounded)")
    parser.add_argument("--png", action="store_true", help="keep frames as PNG, exactly, instead of a lossy video")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Export and say what it cost. Returns 0. Raises DataError also where the disk does not take it.

    Raises ConfigError where nobody knows whether files are RGB or BGR.
    """
    from tqdm import tqdm

    from robovlms_mobile.data.block import Block
    from robovlms_mobile.data.colours.unsaid import settled
    from robovlms_mobile.errors import DataError
    from robovlms_mobile.interchange.lerobot_export import Source, export_lerobot
    from robovlms_mobile.interchange.lerobot_format import place_of

    if len(args.color_order) not in (1, len(args.folders)):
        raise DataError(
            f"{len(args.color_order)} colour orders for {len(args.folders)} folders.", "Give one, or one each."
        )
    orders = args.color_order * (len(args.folders) if len(args.color_order) == 1 else 1)
    blocks = [
        Block(folder, args.pattern, color_order=order) for folder, order in zip(args.folders, orders, strict=True)
    ]
    sources = [Source(str(each.data_dir), each.color_order or "rgb") for each in map(settled, blocks)]
    with tqdm(unit=" episodes", disable=args.json, delay=0.5) as bar:
        try:
            done = export_lerobot(
                sources, place_of(args.to), args.pattern, args.instruction, args.fps, not args.png, bar.update
            )
        except OSError as error:
            raise DataError(f"{args.to} cannot be written ({error.strerror or error}).") from error
    if args.json:
        print(json.dumps(done.to_json(), indent=2))
        return 0
    rate = "no file says how fast it was recorded"
    if done.rates:
        slow, usual, fast = done.rates
        rate = f"recorded at {usual:.2g}, from {slow:.2g} to {fast:.2g}"
    print(
        f"{done.episodes} episodes, {done.frames} frames, {done.tasks} tasks in {done.place}, {done.fps} fps ({rate})"
    )
    if done.rates and fast > 2 * slow:
        print("! rates differ: lerobot takes all frames as evenly spaced; when each was recorded is in recorded_at")
    lossy = f"{done.grey_levels:.2f} of 255 in the mean (PSNR {done.psnr:.1f} dB)" if done.psnr else "equal"
    print(f"read back by lerobot: actions and tasks equal; pixels of {done.compared} episodes {lossy}")
    return 0
