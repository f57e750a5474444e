"""Find episodes that repeat one another: copies, near-duplicates, and the drives of one recording session. No files."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np

from robovlms_mobile.data.circumstances import NAME, circumstance, started
from robovlms_mobile.data.episodes import Episode
from robovlms_mobile.data.split.near_duplicates import similar_pairs

SESSION = timedelta(minutes=5)  # between the starts of an episode and its repeat; a chain of them is one session


def copy_pairs(names: list[str], signatures: dict[str, np.ndarray] | None = None) -> list[tuple[str, str]]:
    """Return the pairs that show the same: started in the same second (relabelled or not), or near-duplicates.

    Args:
        names: file names, sorted.
        signatures: mapping name → (3, 16, 16) uint8 as `near_duplicates.thumbnails` makes it; None: no look at pixels.
    """
    seconds = {}
    for name in names:
        if match := NAME.match(Path(name).stem):
            seconds.setdefault((match["date"], match["time"]), []).append(name)
    pairs = [pair for same in seconds.values() for pair in pairwise(same)]
    signatures = signatures or {}
    return pairs + similar_pairs({name: signatures[name] for name in names if name in signatures})


def session_pairs(episodes: Sequence[Episode]) -> list[tuple[str, str]]:
    """Return the pairs of names of one session: neighbours in time of one layout, started within SESSION.

    A layout is a scenario with its pattern and distance. A collector that names its sessions is believed. Where no
    scenario is known, or no time, nothing tells a session.
    """
    layouts: dict = {}
    for each in episodes:
        told = {what: circumstance(what, each.name, each.attributes) for what in ("pattern", "distance", "session")}
        moment = started(each)
        if each.scenario and (moment or told["session"]):
            layouts.setdefault((each.scenario, *told.values()), []).append((moment or datetime.min, each.name))
    return [
        (one, other)
        for (*_, session), layout in layouts.items()
        for (before, one), (after, other) in pairwise(sorted(layout))
        if session or after - before <= SESSION
    ]


def chained(names: list[str], pairs: list[tuple[str, str]]) -> list[tuple[str, ...]]:
    """Return every name in exactly one group: names that a chain of pairs joins, sorted, as are the groups."""
    leader = {name: name for name in names}

    def find(name):
        while leader[name] != name:
            leader[name] = name = leader[leader[name]]
        return name

    for one, other in pairs:
        if one in leader and other in leader:
            leader[max(find(one), find(other))] = min(find(one), find(other))
    groups = {}
    for name in sorted(names):
        groups.setdefault(find(name), []).append(name)
    return [tuple(group) for group in groups.values()]
