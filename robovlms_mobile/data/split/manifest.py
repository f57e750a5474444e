"""Keep a data folder's split in a file: episodes once trained on never turn up in validation, whatever is added.

A run whose episodes are all in the file, unchanged, reads it in `data.split.kept` and loads nothing of this.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path

import numpy as np

from robovlms_mobile.data.block import Block
from robovlms_mobile.data.episodes import Episode
from robovlms_mobile.data.one_side import refuse_one_side
from robovlms_mobile.data.split.kept import VERSION, manifest_path
from robovlms_mobile.data.split.stratify import TRAIN, VALIDATION, Split, split_sorted, split_stratified
from robovlms_mobile.errors import DataError
from robovlms_mobile.files import replace_file

MODES = ("stratified", "sorted")
SHOWN = 5  # names in a line


@dataclass(frozen=True)
class Manifest:
    """A split as it is on disk.

    Attributes:
        train_split: the share for training it was made at.
        split: "stratified" or "sorted".
        pattern: the episode_pattern it was last used with.
        train, validation: name → digest of the file, or None where it was not known.
        notes: what a person should know about the split of all these episodes, sentences; None: not known.
        one_sided: whether episodes of nearly one side, or one action, were asked for.
    """

    train_split: float
    split: str
    pattern: str | list
    train: dict = field(default_factory=dict)
    validation: dict = field(default_factory=dict)
    notes: list | None = None
    one_sided: bool = False

    @property
    def sides(self) -> dict[str, str]:
        """Mapping name → "training" or "validation"."""
        return dict.fromkeys(self.train, TRAIN) | dict.fromkeys(self.validation, VALIDATION)

    @property
    def digests(self) -> dict[str, str | None]:
        """Mapping name → digest."""
        return {**self.train, **self.validation}


def planned(
    block: Block,
    episodes: list[Episode],
    signatures: dict[str, np.ndarray] | None = None,
    folder: str | Path | None = None,
) -> Split:
    """Return the `Split` that a run would use, and write nothing.

    Args:
        signatures: mapping name → (3, 16, 16) uint8, to keep near-duplicates together; without, names alone say.
    """
    path = manifest_path(block, folder)
    manifest = load(path) if path.is_file() else Manifest(block.train_split, block.split, block.episode_pattern)
    return extend(manifest, episodes, {}, signatures)[0]


def divide(
    path: str | Path,
    episodes: list[Episode],
    digests: dict[str, str | None] | None = None,
    *,
    train_split: float = 0.8,
    split: str = "stratified",
    pattern: str | list = "episode_*.h5",
    one_sided: bool = False,
    signature: Callable[[str], np.ndarray] | None = None,
) -> tuple[Split, list[str]]:
    """Return the split of `episodes` that the manifest at `path` says, extended to new ones, and write it back.

    Args:
        path: the manifest's file; made where there is none.
        episodes: the good episodes of a run, list of `Episode`.
        digests: mapping name → digest of the file; names may be missing, then changes of theirs go unseen.
        train_split, split, pattern, one_sided: the dataset block's.
        signature: function name → (3, 16, 16) uint8, or KeyError; called only when there is something to place.

    Returns:
        (Split, list[str]): the split, and what a run should print about it: new, changed and vanished files.

    Raises:
        DataError: a manifest that cannot be used, one side empty, or episodes of nearly one side without `one_sided`.
    """
    path = Path(path)
    wanted = Manifest(train_split, split, pattern)
    if not one_sided:
        refuse_one_side(episodes)
    old = load(path) if path.exists() else None
    _check_settings(path, old, wanted)
    digests = digests or {}
    signatures = None if signature is None or not _new(old, episodes) else _look(signature, episodes)
    result, new = extend(old or wanted, episodes, digests, signatures)
    every = len(episodes) == len(new.digests)
    new = replace(new, pattern=pattern, notes=result.notes if every else None, one_sided=one_sided)
    messages = changes(old, new, episodes) if old else []
    if new != old:
        messages += _save(path, new)
    return result, [*result.notes, *messages]


def extend(
    manifest: Manifest,
    episodes: list[Episode],
    digests: dict[str, str | None],
    signatures: dict[str, np.ndarray] | None = None,
) -> tuple[Split, Manifest]:
    """Place the episodes that a manifest lacks; those it has stay where they are, also while their files are away.

    A new episode goes with its near-duplicates or the session it belongs to, else where its scenario's ratio wants it.

    Returns:
        (Split, Manifest): the split of `episodes`, and the manifest with them in it.

    Raises:
        DataError: one side would be empty.
    """
    sides = manifest.sides
    fixed = {episode.name: sides[episode.name] for episode in episodes if episode.name in sides}
    if manifest.split == "sorted" and not fixed:
        result = split_sorted(episodes, manifest.train_split)
    else:
        result = split_stratified(episodes, manifest.train_split, signatures, fixed=fixed)
    known = manifest.digests
    stamped = [
        {**before, **{name: digests.get(name, known.get(name)) for name in names}}
        for before, names in ((manifest.train, result.train), (manifest.validation, result.validation))
    ]
    return result, replace(manifest, train=stamped[0], validation=stamped[1])


def changes(old: Manifest, new: Manifest, episodes: list[Episode]) -> list[str]:
    """Return what differs between a manifest and the data now: list of sentences, empty when nothing does.

    Files that the pattern of now leaves out on purpose are no news.
    """
    present = {episode.name for episode in episodes}
    patterns = [new.pattern] if isinstance(new.pattern, str) else new.pattern
    wanted = {name for name in old.digests if any(fnmatch(name, Path(each).name) for each in patterns)}
    before, after, sides = old.digests, new.digests, new.sides
    kinds = (
        ("new since the split was made", sorted(after.keys() - before.keys())),
        (
            "changed since the split was made, so losses of earlier runs do not compare",
            sorted(name for name in before if None not in (before[name], after[name]) and before[name] != after[name]),
        ),
        ("in the split but not among the episodes of this run", sorted(wanted - present)),
    )
    return [f"{_count(names)} {what}: {_listed(names, sides)}." for what, names in kinds if names]


def load(path: str | Path) -> Manifest:
    """Read a manifest.

    Raises:
        DataError: it is damaged, of another version, or lists an episode twice; names the file and what to do.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as a split ({error}).", _AFRESH) from error
    version = content.get("version") if isinstance(content, dict) else None
    if version != VERSION:
        raise DataError(f"{path} is a split of version {version!r}, this robovlms-mobile reads {VERSION}.", _AFRESH)
    wrong = [name for name, fits in _FIELDS.items() if name not in content or not fits(content[name])]
    if wrong:
        raise DataError(f"{path} is damaged: {', '.join(wrong)} missing or not as expected.", _AFRESH)
    twice = sorted(content["train"].keys() & content["validation"].keys())
    if twice:
        raise DataError(f"{path} has {len(twice)} episodes on both sides: {', '.join(twice)}.", _AFRESH)
    return Manifest(
        **{name: content[name] for name in _FIELDS},
        notes=content.get("notes"),
        one_sided=content.get("one_sided", False),
    )


def save(path: str | Path, manifest: Manifest) -> None:
    """Write a manifest whole or not at all; the same manifest gives the same bytes."""
    content = {"version": VERSION, **manifest.__dict__}
    for side in ("train", "validation"):
        content[side] = dict(sorted(content[side].items()))
    with replace_file(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


_AFRESH = (
    "Put back the copy of an earlier run, or delete the file to split afresh (episodes an earlier run trained on may "
    "then be in validation)."
)


def _digests(value):
    return isinstance(value, dict) and all(isinstance(each, str | None) for each in value.values())


_FIELDS = {
    "train_split": lambda value: isinstance(value, int | float) and 0 < value < 1,
    "split": lambda value: value in MODES,
    "pattern": lambda value: isinstance(value, str | list),
    "train": _digests,
    "validation": _digests,
}


def _check_settings(path, old, wanted):
    if old is None:
        return
    other = [
        f"{name} {getattr(old, name)!r}, the config says {getattr(wanted, name)!r}"
        for name in ("train_split", "split")
        if getattr(old, name) != getattr(wanted, name)
    ]
    if other:
        raise DataError(f"{path} was made with {' and '.join(other)}.", f"Set the config back, or: {_AFRESH}")


def _new(old, episodes):
    known = old.sides if old else {}
    return [episode.name for episode in episodes if episode.name not in known]


def _look(signature, episodes):
    """Return the signatures that can be had, name → array."""
    found = {}
    for episode in episodes:
        try:
            found[episode.name] = signature(episode.name)
        except KeyError:  # not decoded: this one is grouped by its name alone
            continue
    return found


def _save(path, manifest):
    try:
        save(path, manifest)
    except OSError as error:
        return [
            f"The split could not be kept in {path} ({error.strerror or error}): episodes added later may move others."
        ]
    return []


def _count(names):
    return f"{len(names)} episode{'s' if len(names) > 1 else ''}"


def _listed(names, sides):
    """`a.h5 (training), b.h5 (validation) and 3 more`."""
    shown = ", ".join(f"{name} ({sides[name]})" for name in names[:SHOWN])
    return shown + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
