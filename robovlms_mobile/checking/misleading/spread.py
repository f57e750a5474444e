"""Is anything so frequent, so rare or so alike that a policy learns it without looking?"""

from collections.abc import Iterator

import numpy as np

from robovlms_mobile.checking.misleading.evidence import Evidence
from robovlms_mobile.data.directions import STILL
from robovlms_mobile.data.names import ACTION_DIMS
from robovlms_mobile.data.one_side import uneven
from robovlms_mobile.findings import Finding

STOPS = 0.01  # share of the frames after the first from which stops are no longer rare
PACES = 2.0  # how many times faster the fast episodes may be than the slow ones
ENDS = (5, 95)  # percentiles that stand for slow and fast
ROUND = 2  # decimals of m/s and rad/s to which speeds are the same


def one_sided(evidence: Evidence) -> Iterator[Finding]:
    """Yield sides and actions that are far more frequent than others."""
    for each in uneven(evidence.episodes):
        refused = each.refused and not evidence.one_sided
        fix = "record the others; mirror and balance in the training block help as far as there are some"
        if refused:
            fix = 'look whether episode_pattern takes what it should; a run refuses this without "one_sided": true'
        yield Finding("error" if refused else "warn", str(each), evidence.where, fix)


def no_stops(evidence: Evidence) -> Iterator[Finding]:
    """Yield that the robot never, or hardly ever, learns to stop; the collector's first frame does not count."""
    still = np.concatenate([(np.abs(each.actions[1:]) < STILL).all(1) for each in evidence.episodes])
    if evidence.enough and still.mean() < STOPS:
        count = f"{still.sum()} of {len(still)} frames after the first are a stop"
        fix = "record each drive on until it stands at the cup, some frames of it; else the robot never stops"
        yield Finding("warn", count if still.any() else f"no stop in {len(still)} frames", evidence.where, fix)


def paces(evidence: Evidence) -> Iterator[Finding]:
    """Yield that episodes were recorded at different rates."""
    steps = np.array([each.seconds / each.length for each in evidence.episodes if each.seconds])
    if not evidence.enough or len(steps) < 2:
        return
    fast, slow = np.percentile(steps, ENDS)
    if slow >= PACES * fast:
        what = (
            f"recorded at {1 / slow:.2g} to {1 / fast:.2g} frames a second: a window is {slow / fast:.1f} times as long"
        )
        fix = (
            f'train on one rate: "rate": {1 / slow:.2g} in both dataset blocks, or leave some out with episode_pattern'
        )
        yield Finding("warn", what, evidence.where, fix)


def one_speed(evidence: Evidence) -> Iterator[Finding]:
    """Yield, as a fact rather than a fault, that every axis knows one speed: `snap` is what the robot does then."""
    every = np.abs(np.concatenate([each.actions for each in evidence.episodes])).round(ROUND)
    used = {dim: np.unique(column[column > 0]) for dim, column in zip(ACTION_DIMS, every.T, strict=True)}
    speeds = {dim: values for dim, values in used.items() if len(values)}
    if evidence.enough and speeds and all(len(values) == 1 for values in speeds.values()):
        listed = ", ".join(f"{dim} 0 or ±{values[0]:g}" for dim, values in speeds.items())
        what = (
            f"all speeds are one value an axis ({listed}): how fast is not learned, and snapping to keys loses nothing"
        )
        yield Finding("ok", what, evidence.where)
