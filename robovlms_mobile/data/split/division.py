"""Which episodes a run trains on and which it validates on: a data folder's manifest, and a copy beside the run."""

import shutil
from pathlib import Path

from robovlms_mobile.data.frame_store.store import place_of
from robovlms_mobile.data.split.manifest import Manifest, divide, extend, load
from robovlms_mobile.files import replace_file

NAME = "split.json"


def divided(block, episodes, store=None, folder=None):
    """Return (train, validation, notes): sets of names, and sentences a run should print.

    Args:
        block: a `Block`.
        episodes: the good episodes of its folder, list of `Episode`.
        store: their `FrameStore`, for digests and near-duplicates, or None.
        folder: where the manifest is kept, by default beside the data.

    Raises:
        DataError: a side would be empty, or the manifest cannot be used.
    """
    path = manifest_path(block, folder)
    digests = {name: entry.digest for name, entry in store.entries.items()} if store else None
    options = {"train_split": block.train_split, "split": block.split, "pattern": block.episode_pattern}
    split, notes = divide(path, episodes, digests, **options, signature=store.signature if store else None)
    return set(split.train), set(split.validation), notes


def planned(block, episodes, signatures=None, folder=None):
    """Return the `Split` that a run would use, and write nothing.

    Args:
        signatures: mapping name → (3, 16, 16) uint8, to keep near-duplicates together; without, names alone say.
    """
    path = manifest_path(block, folder)
    manifest = load(path) if path.is_file() else Manifest(block.train_split, block.split, block.episode_pattern)
    return extend(manifest, episodes, {}, signatures)[0]


def manifest_path(block, folder=None):
    """Return the file a data folder's split is kept in; every way of splitting has its own."""
    return place_of(block.data_dir, folder) / f"split-{block.split}-{block.train_split:g}.json"


def copy_beside(block, run, folder=None):
    """Copy the manifest into a run's folder as split.json, where there is one."""
    source = manifest_path(block, folder)
    if source.is_file():
        with replace_file(Path(run) / NAME) as temporary:
            shutil.copyfile(source, temporary)
