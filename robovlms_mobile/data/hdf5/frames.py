"""Read frames of an episode file nobody vouches for, in bounded memory. No chunk is inflated twice."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from robovlms_mobile.data.hdf5.decode import read_planes
from robovlms_mobile.data.hdf5.guards import DAMAGED, image_dataset, opened
from robovlms_mobile.errors import DataError

BLOCK = 12  # frames in memory at a time, where a few are enough


def read_frames(episode: Any, indices: Sequence[int], color_order: str | None = "rgb") -> np.ndarray:
    """Decode frames.

    Args:
        episode: an `Episode`.
        indices: frame numbers of the episode, ascending; a number may repeat.
        color_order: how the file stores colours, "rgb" or "bgr", where it does not say it itself.

    Returns:
        (len(indices), H, W, 3) uint8, RGB.

    Raises:
        DataError: the pixels cannot be decoded; names the file.
    """
    indices = episode.at(indices)
    first = min(indices)
    with _images(episode) as images:
        planes = read_planes(images, first, max(indices) + 1)  # (3, n, H, W)
    frames = np.moveaxis(planes, 0, -1)[np.asarray(indices) - first]
    return frames[..., ::-1] if (episode.color_order or color_order) == "bgr" else frames


def all_planes(episode: Any) -> np.ndarray:
    """Decode a whole file as it is: (3, T, H, W) uint8, colours in its own order.

    Raises:
        DataError: as `read_frames`.
    """
    with _images(episode) as images:
        return read_planes(images)


def each_frame(episode: Any) -> Iterator[np.ndarray]:
    """Yield (3, H, W) uint8 for each frame, colours in the file's order, a few in memory at a time.

    Raises:
        DataError: as `read_frames`.
    """
    with _images(episode) as images:
        depth = images.chunks[0] if images.chunks else 1
        step = max(depth, BLOCK - BLOCK % depth)
        wanted = set(np.asarray(episode.at(range(episode.length))).tolist())
        for start in range(0, len(images), step):
            frames = np.moveaxis(read_planes(images, start, start + step), 1, 0)
            yield from (frame for number, frame in enumerate(frames, start) if number in wanted)


@contextmanager
def _images(episode):
    with opened(episode.path) as file:
        images = image_dataset(episode.path, file, episode.images_key)
        try:
            yield images
        except DAMAGED as error:
            raise DataError(f"{episode.name}: its frames cannot be decoded ({str(error)[:200]})") from error
