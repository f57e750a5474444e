"""`robovlms-mobile data cache DIR`: decode all frames once, ahead of training; `--drop` removes them."""

import argparse
import json
from typing import Any

HELP = "decode every episode once into the frame store that training reads, or drop the store"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("folder", metavar="DIR", help="folder of the episode files")
    parser.add_argument("--pattern", default="episode_*.h5", help="which files (default episode_*.h5)")
    parser.add_argument("--size", type=int, default=224, help="pixels across a decoded frame (default 224)")
    parser.add_argument("--color-order", choices=("rgb", "bgr"), help="of files that do not say it (default: asked)")
    parser.add_argument("--dir", help="where stores are kept, as mobile.frames.dir (default: beside the data)")
    parser.add_argument("--drop", action="store_true", help="remove the decoded frames of this folder, all sizes")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Build or drop. Raises DataError without episodes, or with the system's words when the disk does not take it.

    Raises ConfigError where nobody knows whether files are RGB or BGR.
    """
    from robovlms_mobile.data.frame_store.build import build, drop_stores, progress_bar
    from robovlms_mobile.data.frame_store.store import open_store

    if args.drop:
        result: dict[str, Any] = {"dropped": drop_stores(args.folder, args.dir)}
        text = "\n".join(f"dropped {folder}" for folder in result["dropped"]) or "nothing to drop"
    else:
        from robovlms_mobile.data.block import Block
        from robovlms_mobile.data.colours.unsaid import settled
        from robovlms_mobile.data.episodes import find_episodes
        from robovlms_mobile.errors import DataError

        paths = find_episodes(args.folder, args.pattern)
        block = settled(Block(args.folder, args.pattern, color_order=args.color_order), args.dir)
        store = open_store(args.folder, args.size, block.color_order or "rgb", args.dir)
        try:
            with progress_bar() as progress:
                build(store, paths, None if args.json else progress)
        except OSError as error:
            raise DataError(
                f"{store.folder}: {error.strerror or error}. Free some room, or name another --dir."
            ) from error
        ready, size = sum(map(store.has, paths)), sum(path.stat().st_size for path in store.folder.glob("*.npy"))
        result = {"folder": str(store.folder), "episodes": len(paths), "decoded": ready, "bytes": size}
        text = f"{ready} of {len(paths)} episodes decoded, {result['bytes'] / 1e6:.1f} MB in {store.folder}"
    print(json.dumps(result, indent=2) if args.json else text)
    return 0 if args.drop or result["decoded"] == result["episodes"] else 1
