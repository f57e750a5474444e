"""Find episode files and read what is cheap in them: lengths, actions, instruction. No pixels, no torch."""

import base64
import difflib
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from robovlms_mobile.errors import DataError

NAME = re.compile(
    r"episode_(?P<date>\d{8})_(?P<time>\d{6})"
    r"(?:_(?P<scenario>[12]box_(?:hori|vert)_(?:left|right))(?:_(?P<pattern>[^_]+)_(?P<distance>[^_]+))?)?"
)

LISTED = 5  # pairs of files named one by one


@dataclass(frozen=True)
class Episode:
    """One recorded file.

    Attributes:
        path: the file.
        images_key: where its frames are, uint8 (length, height, width, 3).
        length: frames, each with its action.
        actions: (length, 3) float32, m/s, m/s, rad/s as in ACTION_DIMS.
        instruction: the file's own, or None.
        scenario: e.g. `1box_hori_left` out of the name, or None.
    """

    path: Path
    images_key: str
    length: int
    actions: np.ndarray
    instruction: str | None
    scenario: str | None

    @property
    def name(self) -> str:
        """File name, unique within a folder."""
        return self.path.name


@dataclass(frozen=True)
class Notes:
    """What the collector says of an episode; it may contradict the data.

    Attributes:
        size: (width, height) of a frame, pixels.
        attributes: name → number or string, those of `data.hdf5.inspect.ATTRIBUTES` that the file has.
        events: `action_event_types`, strings, or None.
        unreadable: sentences about attributes and events that cannot be read.
    """

    size: tuple
    attributes: dict
    events: tuple | None
    unreadable: tuple


def find_episodes(data_dir: str | Path, pattern: str | list[str] = "episode_*.h5") -> list[Path]:
    """Return the files in `data_dir` that match a glob or any of a list of globs, by name, each once.

    Args:
        data_dir: folder of the episodes.
        pattern: relative to `data_dir`; `day1/*.h5` and `**/*.h5` look into its folders.

    Raises:
        DataError: no such folder, a pattern that is none, nothing matches (says what is there instead), or files of
            one name in several folders: an episode is known by its name, in the split and in the frame store.
    """
    folder = Path(data_dir)
    if not folder.is_dir():
        raise DataError(
            f"data_dir {folder} is not a folder (seen from {Path.cwd()}).", "Set data_dir in the dataset block."
        )
    patterns = [pattern] if isinstance(pattern, str) else list(pattern)
    found = {}
    for path in sorted(path for each in patterns for path in _matching(folder, each)):
        same = found.setdefault(path.name, [])
        if path not in same and not any(path.samefile(one) for one in same):
            same.append(path)
    if not found:
        there, fix = _what_is_there(folder, patterns)
        raise DataError(f"No file in {folder} matches {' or '.join(map(repr, patterns))}. {there}", fix)
    if twice := [paths for paths in found.values() if len(paths) > 1]:
        raise DataError(
            f"Several files in {folder} have one name, {len(twice)} time{'s' * (len(twice) > 1)}: "
            + "; ".join(" and ".join(str(path.relative_to(folder)) for path in paths) for paths in twice[:LISTED])
            + (f"; and {len(twice) - LISTED} more" if len(twice) > LISTED else "")
            + ".",
            "Rename or move all but one of each, or narrow episode_pattern.",
        )
    return [found[name][0] for name in sorted(found)]


def _matching(folder, pattern):
    """Return the files of one glob."""
    if not pattern or Path(pattern).is_absolute():
        parts = Path(pattern)
        fix = f'Set "data_dir": "{parts.parent}", "episode_pattern": "{parts.name}".' if pattern else ""
        raise DataError(f"episode_pattern is {pattern!r}, expected one relative to data_dir {folder}.", fix)
    return [path for path in folder.glob(pattern) if path.is_file()]


def _what_is_there(folder, patterns):
    """Return (what the folder holds, what to do)."""
    names = sorted(path.name for path in folder.iterdir() if path.suffix in (".h5", ".hdf5"))
    if not names:
        return "The folder holds no .h5 file at all: is it the right one?", ""
    near = difflib.get_close_matches(patterns[0].replace("*", ""), names, n=3, cutoff=0) or names[:3]
    seen = f"It holds {len(names)} .h5 files, the nearest by name: {', '.join(near)}."
    return seen, "Set episode_pattern accordingly."


def load_episodes(
    paths: list[Path], on_bad: str = "stop", read: Callable[[Path], Episode] | None = None
) -> list[Episode]:
    """Read every file; either all are good, or the bad ones are named together.

    Args:
        paths: files as `find_episodes` gives them.
        on_bad: "stop" raises for bad files, "skip" leaves them out with one warning.
        read: what reads a file, `read_episode` by default; a frame store knows its episodes without opening them.

    Returns:
        list[Episode], in the order of `paths`.

    Raises:
        DataError: with every bad file and what is wrong with it; also when skipping leaves none.
    """
    good, bad = [], []
    for path in paths:
        try:
            good.append((read or read_episode)(path))
        except DataError as error:
            bad.append(str(error))
    listing = f"{len(bad)} of {len(paths)} episode files cannot be used:\n  " + "\n  ".join(bad)
    if bad and (on_bad == "stop" or not good):
        raise DataError(f'{listing}\nRepair or move them, or set "on_bad_episode": "skip" in the dataset block.')
    if bad:
        warnings.warn(f"{listing}\nThey are left out (on_bad_episode is skip).", stacklevel=2)
    return good


def read_episode(path: str | Path) -> Episode:
    """Read one file's structure and actions, not its pixels. Safe for any file: see `data.hdf5.sandbox`.

    Raises:
        DataError: naming the file and what is wrong: truncated, a key missing, shapes, dtypes, lengths, NaN, data kept
            in other files, or damage that crashes the HDF5 library.
    """
    return read_with_notes(path)[0]


def read_with_notes(path: str | Path) -> tuple[Episode, Notes]:
    """Read one file as `read_episode` does, and what its collector noted: (Episode, Notes).

    Raises:
        DataError: as `read_episode`. What the collector noted is never a reason.
    """
    from robovlms_mobile.data.hdf5.sandbox import examine_apart

    path = Path(path)
    seen = examine_apart(path)
    name = NAME.match(path.stem)
    episode = Episode(
        path=path,
        images_key=seen["images_key"],
        length=seen["length"],
        actions=np.frombuffer(base64.b64decode(seen["actions"]), "<f4").reshape(seen["length"], -1).astype(np.float32),
        instruction=seen["instruction"],
        scenario=name["scenario"] if name else None,
    )
    events = None if seen["events"] is None else tuple(seen["events"])
    return episode, Notes(tuple(seen["size"]), seen["attributes"], events, tuple(seen["unreadable"]))
