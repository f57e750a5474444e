"""The episodes that a run trained on and validated on, found again from what it recorded."""

from dataclasses import replace
from pathlib import Path

from robovlms_mobile.data.block import BLOCK_KEYS, Block, parse_block
from robovlms_mobile.data.episodes import find_episodes, load_episodes
from robovlms_mobile.data.hdf5.episode_file import read_episode
from robovlms_mobile.data.split.manifest import Manifest, load
from robovlms_mobile.errors import DataError
from robovlms_mobile.options import mobile_blocks

SPLIT = "split.json"


def block_of(configs: dict) -> Block:
    """Return the `Block` of a run's training data.

    Raises:
        DataError: the run had no MobileVLAH5Dataset.
    """
    blocks = mobile_blocks(configs)
    if not blocks:
        raise DataError("This run was not trained on a MobileVLAH5Dataset, so its episodes are not known.")
    block = parse_block({key: value for key, value in blocks[0].items() if key in BLOCK_KEYS})
    return replace(block, color_order=block.color_order or "rgb")  # as runs took it that recorded none


def manifest_of(run: Path) -> Manifest:
    """Return the split that a run in folder `run` trained with.

    Raises:
        DataError: no split.json.
    """
    if not (run / SPLIT).is_file():
        raise DataError(f"{run} has no {SPLIT}, so nobody knows which episodes it trained on.")
    return load(run / SPLIT)


def episodes_of(configs: dict, run: Path) -> tuple[list, list]:
    """Return the episodes that a run trained on and those it validated on: two lists of `Episode`.

    Args:
        configs: the run's config.
        run: its folder, with split.json.

    Raises:
        DataError: no split.json, or the data folder is gone.
    """
    block, manifest = block_of(configs), manifest_of(run)
    paths = find_episodes(block.data_dir, block.episode_pattern)
    episodes = block.take(load_episodes(paths, "skip", read_episode))
    sides = (manifest.train, manifest.validation)
    train, validation = ([each for each in episodes if each.name in side] for side in sides)
    return train, validation
