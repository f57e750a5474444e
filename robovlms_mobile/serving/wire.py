"""openpi's wire: msgpack with NumPy arrays as maps of bytes. What comes in is checked, and nothing of it is ever run.

The format is that of openpi-client's msgpack_numpy: an array is {b"__ndarray__": True, b"data", b"dtype", b"shape"}, a
NumPy scalar {b"__npgeneric__": True, b"data", b"dtype"}.
"""

import math
from typing import Any

import msgpack
import numpy as np

from robovlms_mobile.errors import MobileError

KINDS = "biuf"  # of arrays taken: truth values and numbers; no objects, no text, no times
LARGEST = {"max_map_len": 64, "max_array_len": 64, "max_str_len": 4096, "max_ext_len": 0}
OBSERVATION = ("image", "encoding", "height", "width", "instruction", "prompt", "stamp", "reset")
CUT = 80  # characters of a stranger's value in a message


class WireError(MobileError):
    """A message that is no observation."""


def pack(value: Any) -> bytes:
    """Return a dict of primitives and NumPy arrays as bytes."""
    return msgpack.packb(value, default=_as_map)


def unpack(data: bytes) -> Any:
    """Return what `pack`, or openpi-client, made bytes of.

    Raises:
        WireError: no msgpack, too deep or too long, or an array whose bytes are not those of its shape and type.
    """
    try:
        return msgpack.unpackb(data, object_hook=_of_map, max_bin_len=len(data), **LARGEST)
    except WireError:
        raise
    except (ValueError, TypeError, OverflowError, RecursionError, msgpack.exceptions.UnpackException) as error:
        raise WireError(f"A message of {len(data)} bytes is no msgpack ({str(error)[:CUT]}).") from error


def observation(message: bytes | str) -> dict:
    """Return the observation in a client's message, for `MobilePolicy.infer`; "prompt" names an "instruction" too.

    Raises:
        WireError: text, no dict, a key that is not known.
    """
    if isinstance(message, str):
        raise WireError("A message is text, expected msgpack of a dict, as openpi-client sends it.")
    found = unpack(message)
    if not isinstance(found, dict):
        raise WireError(f"A message is a {type(found).__name__}, expected a dict.")
    unknown = [repr(key)[:CUT] for key in found if key not in OBSERVATION]
    if unknown:
        raise WireError(f"{', '.join(unknown[:5])} in an observation, expected of {', '.join(OBSERVATION)}.")
    if "prompt" in found:
        found.setdefault("instruction", found.pop("prompt"))
    return found


def _as_map(value):
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in KINDS:
        if isinstance(value, np.generic):
            return {b"__npgeneric__": True, b"data": value.item(), b"dtype": value.dtype.str}
        return {b"__ndarray__": True, b"data": value.tobytes(), b"dtype": value.dtype.str, b"shape": value.shape}
    raise TypeError(f"{type(value).__name__} cannot be sent")


def _of_map(found):
    if b"__ndarray__" in found:
        return _array(found.get(b"data"), _dtype(found), found.get(b"shape"))
    if b"__npgeneric__" in found:
        data = found.get(b"data")
        if not isinstance(data, bool | int | float):
            raise WireError(f"A number is a {type(data).__name__}.")
        _dtype(found)
        return data
    return found


def _dtype(found):
    name = found.get(b"dtype")
    try:
        dtype = np.dtype(name) if isinstance(name, str) and len(name) <= 4 else None
    except TypeError:
        dtype = None
    if dtype is None or dtype.kind not in KINDS:
        raise WireError(f"An array has the type {repr(name)[:CUT]}, expected numbers, e.g. '|u1' or '<f4'.")
    return dtype


def _array(data, dtype, shape):
    whole = isinstance(shape, list) and len(shape) <= 4 and all(type(side) is int and side >= 0 for side in shape)
    if not whole or not isinstance(data, bytes) or math.prod(shape) * dtype.itemsize != len(data):
        size = len(data) if isinstance(data, bytes) else "no"
        raise WireError(f"An array of shape {repr(shape)[:CUT]} and type {dtype.str} has {size} bytes.")
    return np.frombuffer(data, dtype).reshape(shape)
