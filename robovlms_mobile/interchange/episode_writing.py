"""Write an episode as the reader takes it, frame by frame: in memory is one frame. Files appear whole."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from robovlms_mobile.errors import DataError
from robovlms_mobile.files import replace_folder

IMAGES = "images"


@contextmanager
def new_folder(folder: str | Path) -> Iterator[Path]:
    """Yield a folder that takes the place of `folder` when the block ends well.

    Raises:
        DataError: `folder` is there and is not empty.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} exists and is not empty.", "Name a folder that is new or empty.")
    with replace_folder(folder) as temporary:
        yield temporary


def write_episode(
    path: Path,
    frames: Iterable[np.ndarray],
    actions: np.ndarray,
    seconds: np.ndarray,
    instruction: str | None,
    source: str,
    recorded: str | None = None,
) -> None:
    """Write one episode.

    Args:
        frames: T arrays (H, W, 3) uint8, RGB, all of one size.
        actions: (T, 3) m/s, m/s, rad/s as in ACTION_DIMS.
        seconds: (T,) since the first frame.
        instruction: what the robot was told, or None.
        source: where the episode comes from, kept as an attribute.
        recorded: when, ISO 8601, or None.

    Raises:
        DataError: frames of several sizes.
    """
    with h5py.File(path, "w") as file:
        _write_frames(file, frames, len(actions), path.name)
        file["actions"] = actions.astype(np.float32)
        file["timestamps"] = seconds.astype(np.float64)
        if instruction:
            file.create_dataset("language_instruction", data=[instruction], dtype=h5py.string_dtype("utf-8"))
        step = (seconds[-1] - seconds[0]) / (len(seconds) - 1) if len(seconds) > 1 else 0.0
        noted = {"episode_name": path.stem, "num_frames": len(actions), "source": source, "color_order": "rgb"}
        noted |= {"total_duration": float(step * len(actions))} if step > 0 else {}
        file.attrs.update(noted | ({"collection_datetime": recorded} if recorded else {}))


def _write_frames(file, frames, count, name):
    images = None
    for number, frame in enumerate(frames):
        if images is None:
            shape, chunk = (count, *frame.shape), (1, *frame.shape)
            images = file.create_dataset(IMAGES, shape, np.uint8, chunks=chunk, compression="gzip", compression_opts=1)
        if frame.shape != images.shape[1:]:
            seen = "×".join(map(str, frame.shape[1::-1]))
            raise DataError(f"{name}: frame {number} is {seen}, the first {images.shape[2]}×{images.shape[1]}.")
        images[number] = frame


def unique(stem: str, taken: set[str]) -> str:
    """Return `stem`, or `stem_2`, … where it is in `taken`; and take it."""
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem}_{number}"
    taken.add(name)
    return name
