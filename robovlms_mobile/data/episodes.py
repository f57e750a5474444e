"""Find episode files and read what is cheap in them: lengths, actions, instruction. No pixels, no torch."""

import difflib
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from robovlms_mobile.data.options import ACTION_DIMS
from robovlms_mobile.errors import DataError

IMAGE_KEYS = ("images", "observations/images")  # today's collector, the older one
NAME = re.compile(
    r"episode_(?P<date>\d{8})_(?P<time>\d{6})"
    r"(?:_(?P<scenario>[12]box_(?:hori|vert)_(?:left|right))(?:_(?P<pattern>[^_]+)_(?P<distance>[^_]+))?)?"
)


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
    def name(self):
        """File name, unique within a folder."""
        return self.path.name


def find_episodes(data_dir, pattern="episode_*.h5"):
    """Return the files in `data_dir` that match a glob or any of a list of globs: list[Path] by name, each once.

    Raises:
        DataError: no such folder, or nothing matches; says what is there instead.
    """
    folder = Path(data_dir)
    if not folder.is_dir():
        raise DataError(
            f"data_dir {folder} is not a folder (seen from {Path.cwd()}). Set data_dir in the dataset block."
        )
    patterns = [pattern] if isinstance(pattern, str) else list(pattern)
    found = {path.name: path for each in patterns for path in folder.glob(each) if path.is_file()}
    if not found:
        raise DataError(
            f"No file in {folder} matches {' or '.join(map(repr, patterns))}. {_what_is_there(folder, patterns)}"
        )
    return [found[name] for name in sorted(found)]


def _what_is_there(folder, patterns):
    names = sorted(path.name for path in folder.iterdir() if path.suffix in (".h5", ".hdf5"))
    if not names:
        return "The folder holds no .h5 file at all: is it the right one?"
    near = difflib.get_close_matches(patterns[0].replace("*", ""), names, n=3, cutoff=0) or names[:3]
    return f"It holds {len(names)} .h5 files, the nearest by name: {', '.join(near)}. Set episode_pattern accordingly."


def load_episodes(paths, on_bad="stop", read=None):
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


def read_episode(path):
    """Read one file's structure and actions, not its pixels.

    Raises:
        DataError: naming the file and what is wrong: truncated, a key missing, shapes, dtypes, lengths, NaN.
    """
    path = Path(path)
    try:
        with h5py.File(path, "r") as file:
            return _read(path, file)
    except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:  # h5py's ways to say "damaged"
        raise DataError(f"{path.name}: not a readable HDF5 file ({error})") from error


def _read(path, file):
    images_key = next((key for key in IMAGE_KEYS if key in file), None)
    images, actions = _dataset(path, file, images_key or "images"), _dataset(path, file, "actions")
    if images.ndim != 4 or images.shape[-1] != 3 or images.dtype != np.uint8:
        raise DataError(f"{path.name}: '{images.name}' is {images.shape} {images.dtype}, expected (T, H, W, 3) uint8")
    if actions.ndim != 2 or actions.shape[1] != len(ACTION_DIMS) or actions.dtype.kind != "f":
        raise DataError(f"{path.name}: 'actions' is {actions.shape} {actions.dtype}, expected (T, 3) float32")
    if len(images) != len(actions) or not len(images):
        raise DataError(f"{path.name}: {len(images)} images and {len(actions)} actions, expected equal and at least 1")
    values = actions[()].astype(np.float32)
    if not np.isfinite(values).all():
        frames = np.flatnonzero(~np.isfinite(values).all(axis=1)).tolist()
        raise DataError(f"{path.name}: 'actions' is NaN or infinite at frames {frames}")
    name = NAME.match(path.stem)
    return Episode(
        path=path,
        images_key=images.name.lstrip("/"),
        length=len(values),
        actions=values,
        instruction=_instruction(file),
        scenario=name["scenario"] if name else None,
    )


def _dataset(path, file, key):
    if key not in file:
        raise DataError(f"{path.name}: no '{key}' in it; it has {sorted(file)}")
    if isinstance(file.get(key, getlink=True), h5py.ExternalLink):
        raise DataError(f"{path.name}: '{key}' is a link to another file, expected the data itself")
    if not isinstance(file[key], h5py.Dataset):
        raise DataError(f"{path.name}: '{key}' is a group, expected a dataset")
    return file[key]


def _instruction(file):
    if not isinstance(file.get("language_instruction"), h5py.Dataset):
        return None
    value = np.asarray(file["language_instruction"][()]).reshape(-1)
    text = value[0].decode("utf-8") if len(value) and isinstance(value[0], bytes) else "".join(map(str, value[:1]))
    return text.strip() or None
