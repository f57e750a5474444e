"""Read frames of an episode. One slice a window, so that no compressed chunk is inflated twice."""

import h5py
import numpy as np

from robovlms_mobile.errors import DataError


def read_frames(episode, indices, color_order="rgb"):
    """Decode frames.

    Args:
        episode: an `Episode`.
        indices: frame numbers, ascending; a number may repeat.
        color_order: how the file stores colours, "rgb" or "bgr".

    Returns:
        (len(indices), H, W, 3) uint8, RGB.

    Raises:
        DataError: the pixels cannot be decoded; names the file.
    """
    first, last = min(indices), max(indices)
    try:
        with h5py.File(episode.path, "r") as file:
            span = file[episode.images_key][first : last + 1]
    except (OSError, RuntimeError, KeyError) as error:
        raise DataError(f"{episode.name}: frames {first} to {last} cannot be decoded ({error})") from error
    frames = span[np.asarray(indices) - first]
    return frames[..., ::-1] if color_order == "bgr" else frames
