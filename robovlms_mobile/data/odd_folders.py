"""Why a folder has no episodes to train on: none, another pattern, several files of one name, or broken ones."""

import difflib
import warnings
from collections.abc import Collection
from pathlib import Path

from robovlms_mobile.errors import DataError

LISTED = 5  # pairs of files named one by one


def refuse(folder: Path, patterns: list[str], paths: Collection[Path]) -> None:
    """Say what is wrong with a folder, unless all that is are several ways to the same files.

    Args:
        paths: the files that the patterns match.

    Raises:
        DataError: see `data.episodes.find_episodes`.
    """
    if not folder.is_dir():
        raise DataError(
            f"data_dir {folder} is not a folder (seen from {Path.cwd()}).", "Set data_dir in the dataset block."
        )
    for pattern in patterns:
        if not pattern or Path(pattern).is_absolute():
            parts = Path(pattern)
            fix = f'Set "data_dir": "{parts.parent}", "episode_pattern": "{parts.name}".' if pattern else ""
            raise DataError(f"episode_pattern is {pattern!r}, expected one relative to data_dir {folder}.", fix)
    if not paths:
        there, fix = _what_is_there(folder, patterns)
        raise DataError(f"No file in {folder} matches {' or '.join(map(repr, patterns))}. {there}", fix)
    _refuse_namesakes(folder, paths)


def refuse_files(bad: list[str], of: int, all_count: bool) -> None:
    """Raise DataError for files that cannot be used, or warn of them where the others will do.

    Args:
        bad: what is wrong with each, a sentence that names it.
        of: how many files there are.
    """
    listing = f"{len(bad)} of {of} episode files cannot be used:\n  " + "\n  ".join(bad)
    if all_count:
        raise DataError(f'{listing}\nRepair or move them, or set "on_bad_episode": "skip" in the dataset block.')
    warnings.warn(f"{listing}\nThey are left out (on_bad_episode is skip).", stacklevel=3)


def _what_is_there(folder, patterns):
    """Return (what the folder holds, what to do)."""
    names = sorted(path.name for path in folder.iterdir() if path.suffix in (".h5", ".hdf5"))
    if not names:
        return "The folder holds no .h5 file at all: is it the right one?", ""
    near = difflib.get_close_matches(patterns[0].replace("*", ""), names, n=3, cutoff=0) or names[:3]
    seen = f"It holds {len(names)} .h5 files, the nearest by name: {', '.join(near)}."
    return seen, "Set episode_pattern accordingly."


def _refuse_namesakes(folder, paths):
    """Raise DataError where files of one name are not the same file."""
    found = {}
    for path in sorted(paths):
        same = found.setdefault(path.name, [])
        if not any(path.samefile(one) for one in same):
            same.append(path)
    if twice := [each for each in found.values() if len(each) > 1]:
        raise DataError(
            f"Several files in {folder} have one name, {len(twice)} time{'s' * (len(twice) > 1)}: "
            + "; ".join(" and ".join(str(path.relative_to(folder)) for path in each) for each in twice[:LISTED])
            + (f"; and {len(twice) - LISTED} more" if len(twice) > LISTED else "")
            + ".",
            "Rename or move all but one of each, or narrow episode_pattern.",
        )
