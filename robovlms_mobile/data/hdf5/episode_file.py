"""Read one episode file: what is cheap in it, and what its collector noted. No pixels, no torch."""

import base64
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from robovlms_mobile.data.episodes import Episode
from robovlms_mobile.data.hdf5.sandbox import examine_apart

NAME = re.compile(
    r"episode_(?P<date>\d{8}|\d{6})_(?P<time>\d{6})"
    r"(?:_(?P<scenario>[12]box_(?:hori|vert)_(?:left|right))(?:_(?P<pattern>[^_]+)_(?P<distance>[^_]+))?)?"
)
DATES = {8: "%Y%m%d", 6: "%y%m%d"}  # digits → how a name has the day
SCENARIO = ("scenario", "cx_path", "target")  # attributes that tell it where the name does not, the first that does
COLOURS = ("color_order", "color_format", "image_encoding")  # likewise: "bgr", "RGB", "bgr8", …
DURATION = "total_duration"  # seconds


@dataclass(frozen=True)
class Notes:
    """What the collector says of an episode; it may contradict the data.

    Attributes:
        size: (width, height) of a frame, pixels.
        attributes: name → number or string, those of `data.hdf5.inspect.ATTRIBUTES` that the file has.
        events: `action_event_types`, strings, or None.
        unreadable: sentences about attributes, events and times that cannot be read.
    """

    size: tuple
    attributes: dict
    events: tuple | None
    unreadable: tuple


def read_episode(path: str | Path) -> Episode:
    """Read one file's structure and actions, not its pixels. Safe for any file: see `data.hdf5.sandbox`.

    Raises:
        DataError: naming the file and what is wrong: truncated, a key missing, shapes, dtypes, lengths, NaN, data kept
            in other files, or damage that crashes the HDF5 library.
    """
    return read_with_notes(path)[0]


def read_with_notes(path: str | Path) -> tuple[Episode, Notes]:
    """Read one file as `read_episode` does, and what its collector noted: (Episode, Notes).

    Raises:
        DataError: as `read_episode`. What the collector noted is never a reason.
    """
    path = Path(path)
    seen = examine_apart(path)
    name = NAME.match(path.stem)
    episode = Episode(
        path=path,
        images_key=seen["images_key"],
        length=seen["length"],
        actions=np.frombuffer(base64.b64decode(seen["actions"]), "<f4").reshape(seen["length"], -1).astype(np.float32),
        instruction=seen["instruction"],
        scenario=_scenario(name, seen["attributes"]),
        size=tuple(seen["size"]),
        seconds=seen["seconds"] or _seconds(seen["attributes"]),
        color_order=_color_order(seen["attributes"]),
    )
    events = None if seen["events"] is None else tuple(seen["events"])
    return episode, Notes(tuple(seen["size"]), seen["attributes"], events, tuple(seen["unreadable"]))


def started(name: str) -> datetime | None:
    """Return when an episode was recorded, by the name of its file; None where that is no date."""
    match = NAME.match(Path(name).stem)
    try:
        return match and datetime.strptime(match["date"] + match["time"], DATES[len(match["date"])] + "%H%M%S")
    except ValueError:  # digits that are no time of day, in a name somebody made up
        return None


def _scenario(name, attributes):
    """Return the name's scenario, else the first that an attribute tells, in letters that a file name may have."""
    if name and name["scenario"]:
        return name["scenario"]
    told = (attributes.get(key) for key in SCENARIO)
    words = (re.sub(r"[\W_]+", "_", each).strip("_").lower() for each in told if isinstance(each, str))
    return next(filter(None, words), None)


def _color_order(attributes):
    told = (str(attributes.get(key, ""))[:3].lower() for key in COLOURS)
    return next((each for each in told if each in ("rgb", "bgr")), None)


def _seconds(attributes):
    """Return `total_duration`, None where it is no length of time."""
    value = attributes.get(DURATION)
    return float(value) if isinstance(value, int | float) and 0 < value < float("inf") else None
