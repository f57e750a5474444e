"""Read what is cheap in one episode file as plain values: structure, actions, instruction, what the collector noted.

Runs where it may crash: `data.hdf5.sandbox` calls it in a process of its own.
"""

import base64
from pathlib import Path

import numpy as np

from robovlms_mobile.data.hdf5.decode import read_rows
from robovlms_mobile.data.hdf5.encoded import check_pictures, is_encoded, picture_size
from robovlms_mobile.data.hdf5.guards import (
    MAX_BYTES,
    MAX_SIDE,
    action_dataset,
    check_length,
    has,
    image_dataset,
    opened,
)
from robovlms_mobile.data.hdf5.noted import noted, strings
from robovlms_mobile.data.names import ACTION_DIMS
from robovlms_mobile.errors import DataError

IMAGE_KEYS = ("images", "observations/images")  # today's collector, the older one
INSTRUCTION = "language_instruction"
MAX_ACTION = 100.0  # m/s or rad/s; beyond it, bytes were damaged


def examine(path: str | Path) -> dict:
    """Look at one file without its pixels.

    Returns:
        dict of what JSON can hold: images_key, length, size [W, H], actions (base64 of float32), columns (that they
        were recorded with), instruction, and what `data.hdf5.noted` returns.

    Raises:
        DataError: naming the file and what is wrong with it.
    """
    path = Path(path)
    with opened(path) as file:
        check_length(path)
        key = next((key for key in IMAGE_KEYS if has(file, key)), IMAGE_KEYS[0])
        images, actions = image_dataset(path, file, key), action_dataset(path, file, "actions", len(ACTION_DIMS))
        if len(images) != len(actions) or not len(images):
            count = f"{len(images)} images and {len(actions)} actions"
            raise DataError(f"{path.name}: {count}, expected equal and at least 1")
        return {
            "images_key": key,
            "length": len(images),
            "size": _size(path, images),
            "actions": base64.b64encode(_actions(path, actions).tobytes()).decode(),
            "columns": actions.shape[1],
            "instruction": _instruction(path, file),
            **noted(path, file, len(images)),
        }


def _size(path, images):
    """Return [width, height] of the frames. All pictures are decoded, so that what ends a decoder ends this process."""
    if not is_encoded(images):
        return [images.shape[2], images.shape[1]]
    try:
        height, width = picture_size(images)
        if len(images) * height * width * 3 > MAX_BYTES:
            raise OSError(f"{len(images)} of {width}x{height} are more than {MAX_BYTES >> 30} GiB")
        if max(height, width) > MAX_SIDE:
            raise OSError(f"pictures of {width}x{height}, expected {MAX_SIDE} pixels a side at most")
        check_pictures(images)
    except OSError as error:
        raise DataError(f"{path.name}: its frames cannot be decoded ({str(error)[:200]})") from error
    return [width, height]


def _actions(path, dataset):
    """Return (T, 3) float32 of ACTION_DIMS. A robot that was recorded with fewer has not moved in the others."""
    values = read_rows(dataset)
    values = np.pad(values, ((0, 0), (0, len(ACTION_DIMS) - values.shape[1])))
    if not np.isfinite(values).all():
        frames = np.flatnonzero(~np.isfinite(values).all(axis=1)).tolist()
        raise DataError(f"{path.name}: 'actions' is NaN or infinite at frames {_some(frames)}")
    frames = np.flatnonzero((np.abs(values) > MAX_ACTION).any(axis=1)).tolist()
    if frames:
        most = f"'actions' reaches {np.abs(values).max():g} at frames {_some(frames)}"
        raise DataError(f"{path.name}: {most}, expected m/s and rad/s of at most {MAX_ACTION:g}")
    return values.astype("<f4")


def _some(frames):
    return f"{frames[:20]} and {len(frames) - 20} more" if len(frames) > 20 else f"{frames}"


def _instruction(path, file):
    if not has(file, INSTRUCTION):
        return None
    return next(iter(strings(path, file, INSTRUCTION, 1000)), "").strip() or None
