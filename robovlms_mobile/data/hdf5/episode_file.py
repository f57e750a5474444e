"""Read one episode file: what is cheap in it, and what its collector noted. No pixels, no torch."""

import base64
import json
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from robovlms_mobile.data.circumstances import circumstance
from robovlms_mobile.data.episodes import Episode
from robovlms_mobile.data.hdf5.sandbox import examine_apart
from robovlms_mobile.data.names import ACTION_DIMS
from robovlms_mobile.errors import DataError

COLOURS = ("color_order", "color_format", "image_encoding")  # attributes with "bgr", "RGB", "bgr8", …
SHOWN = 80  # letters of what a file says, in a message
DURATION = "total_duration"  # seconds
COLUMNS = ("action_names", "action_dims", "action_columns")  # attributes that name the columns of the actions
SHIFTED = ("action_shift", "actions_shifted", "shift_first")  # not 0 where each frame has the action after its own
MODES = ("mode", "control_mode", "action_mode")  # texts, where "shift" says the same
SHIFT = re.compile(r"(?<!un)(?<!no[ _-])(?<!non[ _-])(?<!not[ _-])shift", re.IGNORECASE)
UNSHIFTED = ("", "0", "0.0", "false", "no", "none", "null", "off")
SPELLINGS = {
    "linear_x": ("linear_x", "linear.x", "vx", "v_x", "x.vel", "x"),
    "linear_y": ("linear_y", "linear.y", "vy", "v_y", "y.vel", "y"),
    "angular_z": ("angular_z", "angular.z", "wz", "w_z", "omega", "yaw", "theta.vel", "theta"),
}


def read_episode(path: str | Path) -> Episode:
    """Read one file's structure, actions and attributes, not its pixels. Safe for any file: see `data.hdf5.sandbox`.

    Raises:
        DataError: naming the file and what is wrong: truncated, a key missing, shapes, dtypes, lengths, NaN, data kept
            in other files, or damage that crashes the HDF5 library. What its collector noted beside is never a reason,
            unless it names action columns that nobody knows.
    """
    path = Path(path)
    seen = examine_apart(path)
    attributes, times = seen["attributes"], seen["times"]
    actions = np.frombuffer(base64.b64decode(seen["actions"]), "<f4").reshape(seen["length"], -1).astype(np.float32)
    dims = _dims(path, attributes, seen["columns"])
    return Episode(
        path=path,
        images_key=seen["images_key"],
        length=seen["length"],
        actions=placed(actions, dims),
        instruction=seen["instruction"],
        scenario=circumstance("scenario", path.name, attributes),
        size=tuple(seen["size"]),
        seconds=times[-1] * len(times) / (len(times) - 1) if times and len(times) > 1 else _seconds(attributes),
        color_order=_color_order(attributes),
        dims=dims,
        shifted=_is_shifted(attributes),
        times=times,
        attributes=attributes,
        events=seen["events"],
        classes=seen["classes"],
        unreadable=tuple(seen["unreadable"]),
    )


def placed(actions: np.ndarray, dims: tuple[str, ...]) -> np.ndarray:
    """Put recorded columns where ACTION_DIMS has them: actions (T, 3), the first of them `dims` → (T, 3) float32."""
    found = np.zeros_like(actions)
    found[:, [ACTION_DIMS.index(dim) for dim in dims]] = actions[:, : len(dims)]
    return found


def says_columns(attributes: Mapping) -> bool:
    """True where a file names the columns of its actions itself."""
    return any(attributes.get(key) for key in COLUMNS)


def _dims(path, attributes, columns):
    """Return the names of the recorded columns, by the file's word or else the first of ACTION_DIMS."""
    if not says_columns(attributes):
        return ACTION_DIMS[:columns]
    key = next(key for key in COLUMNS if attributes.get(key))
    names = _listed(attributes[key])
    known = {spelling: dim for dim, spellings in SPELLINGS.items() for spelling in spellings}
    dims = tuple(known.get(name.strip().lower(), name) for name in names)
    if len(dims) != columns or len(set(dims)) != columns or not set(dims) <= set(ACTION_DIMS):
        what = f"attribute {key} is {str(attributes[key])[:SHOWN]!r} for {columns} columns of 'actions'"
        raise DataError(f"{path.name}: {what}, expected {columns} of {', '.join(ACTION_DIMS)}, each once")
    return dims


def _listed(value):
    """Return names out of a list, a JSON list, or text with commas or blanks between them."""
    if isinstance(value, str) and value.strip().startswith("["):
        try:
            value = json.loads(value.replace("'", '"'))
        except ValueError:
            return [value]
    return [str(each) for each in value] if isinstance(value, list) else str(value).replace(",", " ").split()


def _is_shifted(attributes):
    """Whether each frame already has the action after its own."""
    told = next((attributes[key] for key in SHIFTED if key in attributes), 0)
    yes = told.strip().lower() not in UNSHIFTED if isinstance(told, str) else bool(told)
    return yes or any(SHIFT.search(str(attributes.get(key, ""))) for key in MODES)


def _color_order(attributes):
    told = (str(attributes.get(key, ""))[:3].lower() for key in COLOURS)
    return next((each for each in told if each in ("rgb", "bgr")), None)


def _seconds(attributes):
    """Return `total_duration`, None where it is no length of time."""
    value = attributes.get(DURATION)
    return float(value) if isinstance(value, int | float) and 0 < value < float("inf") else None
