"""What a policy's predictions look like, right or wrong: all alike, the frame's number, the action before. Arrays."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from robovlms_mobile.data.directions import DIRECTIONS, STOP
from robovlms_mobile.scoring.figures import drawn_episodes, with_intervals
from robovlms_mobile.scoring.scored import Scored, recorded_and_predicted


def behaviour(scored: Sequence[Scored], dims: tuple[str, ...], speed: float) -> dict[str, Any]:
    """Describe the first action of every prediction.

    Args:
        scored: two episodes or more.
        dims, speed: as in `scoring.figures`.

    Returns:
        dict, with `…_ci95` [low, high] beside what has an interval: `direction`, the one predicted most, its `share`
        and the `recorded_share` of the one recorded most; `spread`, m/s, the standard deviation of all predictions;
        `by_frame_number`, the share of their variance that the frame's number alone explains, and the same of the
        recorded ones as `recorded_by_frame_number`; `error_to_previous`, m/s, mean distance to the recorded action
        before, and `error_after_first` to the frame's own, both without first frames; `stops`: how many frames after
        the first were recorded and predicted as stop, and in how many episodes.
    """
    true, guess = zip(*(recorded_and_predicted(each, dims, speed) for each in scored), strict=True)
    shares = [_most(each) for each in (guess, true)]
    late, own = (with_intervals([_after_first(each, shift) for each in scored], dims, speed) for shift in (True, False))
    spread, explained = _variance([each.first for each in scored])
    _, recorded = _variance([each.actual for each in scored])
    return {
        "direction": DIRECTIONS[shares[0][0]].name,
        **_named("share", shares[0][1]),
        **_named("recorded_share", shares[1][1]),
        **_named("spread", spread),
        **_named("by_frame_number", explained),
        **_named("recorded_by_frame_number", recorded),
        "error_to_previous": late["mae"],
        "error_to_previous_ci95": late["mae_ci95"],
        "error_after_first": own["mae"],
        "error_after_first_ci95": own["mae_ci95"],
        "stops": _stops(guess, true),
    }


def _named(name, drawn):
    """A figure and its interval from (1 + draws,) values, the whole set's first."""
    low, high = np.percentile(drawn[1:], [2.5, 97.5])
    return {name: float(drawn[0]), f"{name}_ci95": [float(low), float(high)]}


def _weights(count):
    """How often each episode counts: once each, then as drawn: (1 + draws, count)."""
    return np.concatenate([np.ones((1, count), int), drawn_episodes(count)])


def _most(numbers):
    """Return (the commonest direction, its share in each draw)."""
    counts = np.stack([np.bincount(each, minlength=len(DIRECTIONS)) for each in numbers])  # (E, 9)
    most = int(counts.sum(0).argmax())
    weights = _weights(len(numbers))
    return most, weights @ counts[:, most] / (weights @ counts.sum(1))


def _after_first(each, previous):
    """An episode without its first frame, paired with the frames' own actions or with those before."""
    actual = each.actual[:-1] if previous else each.actual[1:]
    return Scored(each.name, each.scenario, each.predicted[1:], actual, each.period)


def _variance(velocities):
    """Return (standard deviation of all, share of the variance between frame numbers), each (1 + draws,)."""
    longest = max(map(len, velocities))
    there = np.array([np.arange(longest) < len(each) for each in velocities], float)  # (E, T)
    padded = np.stack([np.pad(each, ((0, longest - len(each)), (0, 0))) for each in velocities])  # (E, T, D)
    weights = _weights(len(velocities))
    counts = weights @ there  # (draws, T)
    sums, squares = (np.tensordot(weights, each, 1) for each in (padded, padded**2))  # (draws, T, D)
    frames = counts.sum(1)
    total = (squares.sum(1) - sums.sum(1) ** 2 / frames[:, None]).sum(1)
    within = (squares - sums**2 / np.maximum(counts, 1)[..., None]).sum((1, 2))
    total, within = np.maximum(total, 0), np.maximum(within, 0)
    return np.sqrt(total / frames / padded.shape[-1]), 1 - within / np.where(total > 0, total, 1)


def _stops(guess, true):
    """Count stops after the first frame, at which a robot that has no command yet stands anyway."""
    recorded = [each[1:] == STOP for each in true]
    right = [told & (each[1:] == STOP) for told, each in zip(recorded, guess, strict=True)]
    return {
        "recorded": int(sum(each.sum() for each in recorded)),
        "episodes": sum(bool(each.any()) for each in recorded),
        "predicted": int(sum((each[1:] == STOP).sum() for each in guess)),
        "right": int(sum(each.sum() for each in right)),
    }
