"""What a collector noted beside frames and actions: attributes, events, times, classes.

None of it is a reason to refuse a file. Runs in the process that `data.hdf5.sandbox` keeps for that.
"""

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from robovlms_mobile.data.hdf5.guards import DAMAGED, dataset_at, has
from robovlms_mobile.errors import DataError

EVENTS = "action_event_types"
TIMES = "timestamps"  # seconds of each frame since whenever
CLASSES = "action_classes"  # what the collector called each action, a whole number
MAX_STEP = 10.0  # seconds from a frame to the next; beyond it, the times are milliseconds or nanoseconds
MAX_TEXT = 4096  # bytes of one string
MAX_ATTRIBUTES = 64  # read of a file
MAX_VALUES = 16  # of an attribute


def noted(path: Path, file: h5py.File, frames: int) -> dict:
    """Return what the collector noted, as JSON can hold it.

    Returns:
        dict: attributes (name → number, text or list of them), events (list of texts), times (list of seconds since
        the first frame), classes (list of int), each of the last three None where the file has none; unreadable (list
        of sentences about those it has and cannot be read).
    """
    unreadable: list[str] = []
    parts = {"events": _events, "times": _times, "classes": _classes}
    found: dict[str, Any] = {name: _tried(read, path, file, frames, unreadable) for name, read in parts.items()}
    return {"attributes": _attributes(file, unreadable), **found, "unreadable": unreadable}


def strings(path: Path, file: h5py.File, key: str, most: int) -> list[str]:
    """Return the strings of a dataset of any shape.

    Raises:
        DataError: there are more than `most`, or it is no text, or not UTF-8.
    """
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


def _tried(read, path, file, frames, unreadable):
    key = {_events: EVENTS, _times: TIMES, _classes: CLASSES}[read]
    try:
        return read(path, file, frames) if has(file, key) else None
    except (DataError, *DAMAGED) as error:
        unreadable.append(f"'{key}' cannot be read ({str(error).removeprefix(f'{path.name}: ')[:200]})")
        return None


def _events(path, file, frames):
    return strings(path, file, EVENTS, 4 * frames + 1000)


def _times(path, file, frames):
    values = _numbers(path, file, TIMES, frames, "fiu").astype(float)
    steps = np.diff(values)
    if not (np.isfinite(steps).all() and (steps > 0).all()):
        raise DataError("its seconds do not go up")
    if len(steps) and steps.mean() > MAX_STEP:
        raise DataError(f"a frame every {steps.mean():g}, expected seconds of at most {MAX_STEP:g}")
    return (values - values[0]).tolist()


def _classes(path, file, frames):
    return _numbers(path, file, CLASSES, frames, "iu").tolist()


def _numbers(path, file, key, frames, kinds):
    dataset = dataset_at(path, file, key)
    if dataset.shape != (frames,) or dataset.dtype.kind not in kinds:
        raise DataError(f"it is {dataset.shape} {dataset.dtype}, expected ({frames},) numbers")
    return np.asarray(dataset[()])


def _attributes(file, unreadable):
    """Return the attributes that are numbers or texts, the first so many; the rest is somebody else's."""
    found = {}
    try:
        names = list(file.attrs)[:MAX_ATTRIBUTES]
    except DAMAGED as error:
        unreadable.append(f"its attributes cannot be listed ({str(error)[:200]})")
        return found
    for key in names:
        name = _plain(key)  # h5py has bytes where it is not UTF-8
        try:
            found[name] = _attribute(file, key)
        except DAMAGED as error:
            unreadable.append(f"attribute {name[:40]} cannot be read ({str(error)[:200]})")
    return {name: value for name, value in found.items() if value is not None}


def _attribute(file, name):
    """Return an attribute's number or text, a list of a few; None for what is none of these."""
    attribute = h5py.h5a.open(file.id, name.encode() if isinstance(name, str) else name)
    kind, shape = attribute.get_type(), attribute.shape
    text = kind.get_class() == h5py.h5t.STRING
    few = shape is not None and np.prod(shape) <= MAX_VALUES
    if not few or not (text or kind.get_class() in (h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.ENUM)):
        return None
    if text and not kind.is_variable_str() and kind.get_size() > MAX_TEXT:
        raise ValueError(f"it is a text of {kind.get_size()} bytes")
    values = [_plain(each) for each in np.asarray(file.attrs[name]).reshape(-1)]
    return values[0] if len(values) == 1 else values


def _plain(value):
    if isinstance(value, str | bytes):
        value = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
        return bytes(value)[:MAX_TEXT].decode("utf-8", "backslashreplace")
    return float(value) if isinstance(value, np.floating) else value.item()  # a long double's item is none of Python's
