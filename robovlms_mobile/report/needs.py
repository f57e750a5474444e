"""What more data would help most: a short ranked list in plain words. Counts in, sentences out."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import ceil

import numpy as np

from robovlms_mobile.data.directions import DIRECTIONS, STOP
from robovlms_mobile.report.records import DISTANCES, UNKNOWN, Record

LISTED = 5  # combinations named one by one
RARE = 0.05  # share of all actions below which a direction is rare
SURE = 0.9  # share of episodes that do the same at a frame, from which looking teaches nothing there


@dataclass(frozen=True)
class Need:
    """One thing to record, and why."""

    what: str
    why: str


def needs(
    counts: dict[tuple, int], by_frame: np.ndarray, periods: dict[str, int], missing_in_validation: Sequence[str] = ()
) -> tuple[Need, ...]:
    """Rank what to record next.

    Args:
        counts: (scenario, pattern, distance) → episodes, for all combinations there could be, zeros included.
        by_frame: (T, 9) int, directions at each frame number.
        periods: time of day → episodes.
        missing_in_validation: scenarios that only training has.

    Returns:
        tuple[Need, ...], the most useful first.
    """
    found = [*_combinations(counts), *_directions(by_frame.sum(axis=0)), *_habits(by_frame), *_light(periods)]
    if missing_in_validation:
        names = ", ".join(map(spoken, missing_in_validation))
        why = "The validation loss says nothing about what it never sees."
        found.append(Need(f"Validation has no episode of {names}: record some, or split by scenario.", why))
    return tuple(found)


def grid(records: list[Record], scenarios: Sequence[str]) -> dict[tuple[str, str, str], int]:
    """Count episodes of every combination of a known scenario with the patterns and distances that occur."""
    patterns = sorted({record.pattern for record in records if record.pattern != UNKNOWN})
    distances = sorted({record.distance for record in records if record.distance != UNKNOWN}, key=_near_first)
    counts = dict.fromkeys(product(scenarios, patterns, distances), 0)
    for record in records:
        key = (record.scenario, record.pattern, record.distance)
        if key in counts:
            counts[key] += 1
    return counts


def _near_first(distance):
    return (DISTANCES.index(distance) if distance in DISTANCES else len(DISTANCES), distance)


def spoken(scenario: str) -> str:
    """`1box_hori_left` → `1 box, hori, left`."""
    return scenario.replace("box_", " box, ", 1).replace("2 box", "2 boxes").replace("_", ", ")


def _combinations(counts):
    if not counts:
        why = "Names say nothing of scenario, pattern and distance, so nobody can tell which are rare."
        yield Need("Name the files episode_DATE_TIME_SCENARIO_PATTERN_DISTANCE.h5.", why)
        return
    typical = sum(counts.values()) / len(counts)
    wanted = max(2, ceil(typical))
    rare = sorted((item for item in counts.items() if item[1] < typical / 2), key=lambda item: item[1])
    for (scenario, pattern, distance), count in rare[:LISTED]:
        more = wanted - count
        what = f"Record {more} more: {spoken(scenario)}; pattern {pattern}; distance {distance}."
        yield Need(what, f"{count or 'None'} so far, where a combination has {typical:.1f} on average.")
    if len(rare) > LISTED:
        none, more = sum(not count for _, count in rare[LISTED:]), len(rare) - LISTED
        what = f"Then {more} more thin combination{'s' * (more > 1)} in the table below"
        yield Need(what + (f", {none} of them empty." if none else "."), "Fewer episodes than half of that average.")


def _directions(totals):
    absent = [DIRECTIONS[n].label for n in range(STOP) if not totals[n]]
    if absent:
        why = "A policy never does what it never saw. If it should back out, begin some episodes too close to a box."
        yield Need(f"No action goes {_listed(absent)}.", why)
    for n in np.argsort(totals):
        share = totals[n] / totals.sum()
        if 0 < share < RARE:
            why = f"{share:.1%} of all actions; a policy that never does it is right {1 - share:.0%} of the time."
            yield Need(f"More episodes that need {DIRECTIONS[n].label}.", why)


def _habits(by_frame):
    """Frames, after the first, at which nearly every episode does the same."""
    seen = by_frame.sum(axis=1)
    sure = [t for t in range(1, len(by_frame)) if seen[t] > 1 and by_frame[t].max() >= SURE * seen[t]]
    if len(sure) >= 2:
        name = DIRECTIONS[int(by_frame[sure].sum(axis=0).argmax())].label
        frames = f"frames {sure[0]} to {sure[-1]}" if len(sure) == sure[-1] - sure[0] + 1 else f"{len(sure)} frames"
        what = f"Begin nearer, further, to the side or turned: at {frames} nearly every episode goes {name}."
        yield Need(what, "There the frame number predicts the action, and a policy can win without looking.")


def _light(periods):
    known = [period for period, count in periods.items() if count and period != UNKNOWN]
    if len(known) == 1:
        yield Need(f"Record at another time of day than {known[0]}.", "One light teaches one light.")


def _listed(names):
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " or " + names[-1]
