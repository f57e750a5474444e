"""When, where and how an episode was recorded, as its file's name and its attributes say it. No files, no torch."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from robovlms_mobile.data.episodes import Episode

NAME = re.compile(
    r"episode_(?P<date>\d{8}|\d{6})_(?P<time>\d{6})"
    r"(?:_(?P<scenario>[12]box_(?:hori|vert)_(?:left|right))(?:_(?P<pattern>[^_]+)_(?P<distance>[^_]+))?)?"
)
DATES = {8: "%Y%m%d", 6: "%y%m%d"}  # digits → how a name has the day
ATTRIBUTES: dict[str, Sequence[str]] = {  # what → attributes that tell it where the name does not, the first that does
    "scenario": ("scenario", "cx_path", "target"),
    "pattern": ("pattern", "cx_position"),
    "distance": ("distance",),
    "session": ("session", "session_id", "session_name"),
}
LONGEST = 60  # letters of an attribute that count
BEGUN = "collection_datetime"


def circumstance(what: str, name: str, attributes: Mapping[str, Any], sources: Mapping | None = None) -> str | None:
    """Return an episode's scenario, pattern, distance or session in letters that a file name may have, or None.

    The name is believed first, then the first attribute that tells it.

    Args:
        what: a key of ATTRIBUTES.
        name: of the file.
        attributes: the file's.
        sources: the config's `scenario_from`: key of ATTRIBUTES → attribute or list of them, in place of those.
    """
    match = NAME.match(Path(name).stem)
    if match and (named := match.groupdict().get(what)):
        return str(named)
    keys = (sources or {}).get(what, ATTRIBUTES[what])
    told = (attributes.get(key) for key in ([keys] if isinstance(keys, str) else keys))
    named = (str(each)[:LONGEST] for each in told if type(each) in (str, int))  # a session may be its number
    words = (re.sub(r"[\W_]+", "_", each).strip("_").lower() for each in named)
    return next(filter(None, words), None)


def started(episode: Episode) -> datetime | None:
    """Return when an episode was recorded, by its file's name or else its attribute; None where neither is a date."""
    match = NAME.match(episode.path.stem)
    try:
        if match:
            return datetime.strptime(match["date"] + match["time"], DATES[len(match["date"])] + "%H%M%S")
        return datetime.fromisoformat(str(episode.attributes.get(BEGUN))).replace(tzinfo=None)
    except ValueError:  # digits that are no time of day, in a name somebody made up
        return None
