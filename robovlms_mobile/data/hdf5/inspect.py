"""Read what is cheap in one episode file as plain values: structure, actions, instruction, what the collector noted.

Runs where it may crash: `data.hdf5.sandbox` calls it in a process of its own.
"""

import base64
from pathlib import Path

import h5py
import numpy as np

from robovlms_mobile.data.hdf5.decode import read_rows
from robovlms_mobile.data.hdf5.encoded import is_encoded, picture_planes, picture_size
from robovlms_mobile.data.hdf5.guards import (
    DAMAGED,
    MAX_BYTES,
    MAX_SIDE,
    action_dataset,
    check_length,
    dataset_at,
    has,
    image_dataset,
    opened,
)
from robovlms_mobile.data.names import ACTION_DIMS
from robovlms_mobile.errors import DataError

IMAGE_KEYS = ("images", "observations/images")  # today's collector, the older one
ATTRIBUTES = (
    "episode_name",
    "num_frames",
    "total_duration",
    "action_chunk_size",
    "obstacle_layout_type",
    "time_period",
    "collection_datetime",
    "scenario",
    "pattern",
    "target",
    "cx_path",
    "cx_position",
    "color_order",
    "color_format",
    "image_encoding",
)
EVENTS = "action_event_types"
TIMES = "timestamps"  # seconds of each frame since whenever
MAX_STEP = 60.0  # seconds from a frame to the next; beyond it, the times are milliseconds or nanoseconds
INSTRUCTION = "language_instruction"
MAX_TEXT = 4096  # bytes of one string
MAX_ACTION = 100.0  # m/s or rad/s; beyond it, bytes were damaged


def examine(path: str | Path) -> dict:
    """Look at one file without its pixels.

    Returns:
        dict of what JSON can hold: images_key, length, size [W, H], actions (base64 of float32), instruction,
        attributes, events (list or null), seconds (of all frames by their own times, or null) and unreadable (sentences
        about attributes, events and times).

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
        unreadable = []
        return {
            "images_key": key,
            "length": len(images),
            "size": _size(path, images),
            "actions": base64.b64encode(_actions(path, actions).tobytes()).decode(),
            "instruction": _instruction(path, file),
            "attributes": _attributes(file, unreadable),
            "events": _events(path, file, len(images), unreadable),
            "seconds": _seconds(path, file, len(images), unreadable),
            "unreadable": unreadable,
        }


def _size(path, images):
    """Return [width, height] of the frames. Pictures are all decoded, so that what ends a decoder ends this process."""
    if not is_encoded(images):
        return [images.shape[2], images.shape[1]]
    try:
        height, width = picture_size(images)
        if len(images) * height * width * 3 > MAX_BYTES:
            raise OSError(f"{len(images)} of {width}x{height} are more than {MAX_BYTES >> 30} GiB")
        for start in range(len(images)):
            picture_planes(images, start, start + 1, MAX_SIDE)
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
    return next(iter(_strings(path, file, INSTRUCTION, 1000)), "").strip() or None


def _events(path, file, frames, unreadable):
    try:
        return _strings(path, file, EVENTS, 4 * frames + 1000) if has(file, EVENTS) else None
    except (DataError, *DAMAGED) as error:
        unreadable.append(f"'{EVENTS}' cannot be read ({str(error).removeprefix(f'{path.name}: ')[:200]})")
        return None


def _seconds(path, file, frames, unreadable):
    """Return how long the frames last by TIMES, the last as long as the others; None without them."""
    try:
        if not has(file, TIMES) or frames < 2:
            return None
        dataset = dataset_at(path, file, TIMES)
        if dataset.shape != (frames,) or dataset.dtype.kind not in "fiu":
            raise DataError(f"it is {dataset.shape} {dataset.dtype}, expected ({frames},) seconds")
        steps = np.diff(np.asarray(dataset[()], float))
        if not (np.isfinite(steps).all() and (steps > 0).all()):
            raise DataError("its seconds do not go up")
        if steps.mean() > MAX_STEP:
            raise DataError(f"a frame every {steps.mean():g}, expected seconds of at most {MAX_STEP:g}")
        return float(steps.mean() * frames)
    except (DataError, *DAMAGED) as error:
        unreadable.append(f"'{TIMES}' cannot be read ({str(error).removeprefix(f'{path.name}: ')[:200]})")
        return None


def _strings(path, file, key, most):
    """Return the strings of a dataset of any shape, at most `most` of them: list[str]."""
    dataset = dataset_at(path, file, key)
    kind = dataset.id.get_type()
    if kind.get_class() != h5py.h5t.STRING:
        raise DataError(f"{path.name}: '{key}' is {dataset.shape} {dataset.dtype}, expected text")
    if dataset.shape is None:
        return []
    if dataset.size > most or not (kind.is_variable_str() or kind.get_size() <= MAX_TEXT):
        raise DataError(f"{path.name}: '{key}' is {dataset.shape} of {kind.get_size()} bytes, far too long")
    values = np.asarray(dataset[()]).reshape(-1).tolist()
    if any(len(value) > MAX_TEXT for value in values):
        raise DataError(f"{path.name}: '{key}' has a text of over {MAX_TEXT} bytes")
    try:
        return [value.decode("utf-8") for value in values]
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path.name}: '{key}' is not UTF-8 ({error.object[:40]!r}). Write it anew as UTF-8."
        ) from error


def _attributes(file, unreadable):
    """Return the collector's attributes that are there: numbers and strings."""
    found = {}
    for name in ATTRIBUTES:
        try:
            if name in file.attrs:
                found[name] = _attribute(file, name)
        except DAMAGED as error:
            unreadable.append(f"attribute {name} cannot be read ({str(error)[:200]})")
    return found


def _attribute(file, name):
    attribute = h5py.h5a.open(file.id, name.encode())
    kind, shape = attribute.get_type(), attribute.shape
    text = kind.get_class() == h5py.h5t.STRING
    if shape not in ((), (1,)) or not (text or kind.get_class() in (h5py.h5t.INTEGER, h5py.h5t.FLOAT)):
        raise TypeError(f"it is {shape} {attribute.dtype}, expected one number or text")
    if text and not kind.is_variable_str() and kind.get_size() > MAX_TEXT:
        raise ValueError(f"it is a text of {kind.get_size()} bytes")
    value = np.asarray(file.attrs[name]).reshape(-1)[0]
    if isinstance(value, str | bytes):
        value = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
        return bytes(value)[:MAX_TEXT].decode("utf-8", "backslashreplace")
    return value.item()
