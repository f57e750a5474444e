"""The split that a data folder keeps in a file, as long as it says all a run asks: nothing is new, changed or gone.

The file, `split-….json`, is kept beside the data; a run copies it into its own folder as `split.json`. What it takes to
make or extend one is in `data.split.manifest`, which is loaded when there is something to place or to say.
"""

import shutil
from pathlib import Path
from typing import Any

from robovlms_mobile.data.block import Block
from robovlms_mobile.data.episodes import Episode
from robovlms_mobile.data.frame_store.store import FrameStore, place_of
from robovlms_mobile.files import read_json, replace_file

VERSION = 1
NAME = "split.json"  # a run's copy


def divided(
    block: Block, episodes: list[Episode], store: FrameStore | None = None, folder: str | Path | None = None
) -> tuple[set[str], set[str], list[str]]:
    """Return (train, validation, notes): names by the kept split, extended to new episodes; what a run should print.

    Args:
        episodes: the good episodes of the block's folder.
        store: their frame store, for digests and near-duplicates, or None.
        folder: where the manifest is kept, by default beside the data.

    Raises:
        DataError: a side would be empty, or the manifest cannot be used.
    """
    path = manifest_path(block, folder)
    digests: dict[str, str | None] = {name: entry.digest for name, entry in store.entries.items()} if store else {}
    asked: dict[str, Any] = {name: getattr(block, name) for name in ("train_split", "split", "one_sided")}
    asked["pattern"] = block.episode_pattern
    as_it_is = _read(path, {"version": VERSION, **asked}, {episode.name for episode in episodes}, digests)
    if as_it_is is not None:
        return as_it_is
    from robovlms_mobile.data.split.manifest import divide
    from robovlms_mobile.data.split.near_duplicates import thumbnails

    look = (lambda name: thumbnails(store.planes(name))) if store else None
    split, notes = divide(path, episodes, digests, **asked, signature=look)
    return set(split.train), set(split.validation), notes


def _read(path, asked, names, digests):
    """Return what `divided` does; None where the file is absent, damaged, or not all that there is to say."""
    kept = read_json(path)
    try:
        train, validation, notes = kept["train"], kept["validation"], kept["notes"]
        then = {**train, **validation}
    except (LookupError, TypeError):
        return None
    whole = bool(train and validation) and len(then) == len(train) + len(validation) and then.keys() == names
    changed = any(digests.get(name, digest) != digest for name, digest in then.items())
    if not asked.items() <= kept.items() or notes is None or not whole or changed:
        return None
    return set(train), set(validation), notes


def manifest_path(block: Block, folder: str | Path | None = None) -> Path:
    """Return the file a data folder's split is kept in; every way of splitting has its own."""
    return place_of(block.data_dir, folder) / f"split-{block.split}-{block.train_split:g}.json"


def copy_beside(block: Block, run: str | Path, folder: str | Path | None = None) -> None:
    """Copy the manifest into a run's folder as split.json, where there is one."""
    source = manifest_path(block, folder)
    if source.is_file():
        with replace_file(Path(run) / NAME) as temporary:
            shutil.copyfile(source, temporary)
