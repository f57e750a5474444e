"""How far predicted actions are from recorded ones, in the robot's units, with intervals. Pure arrays.

Every figure is computed from sums per episode, so that a bootstrap over episodes is a matrix product: frames of one
episode are alike, and an interval that counted them one by one would be far too narrow.
"""

from typing import Any

import numpy as np

from robovlms_mobile.scoring.scored import Scored, direction_counts, direction_shares, plane
from robovlms_mobile.scoring.trajectories import integrate

DRAWS = 2000  # of the bootstrap


def figures(episodes: list[Scored], dims: tuple[str, ...], speed: float) -> dict[str, Any]:
    """Return how good the predictions are, without intervals.

    Args:
        episodes: one or more.
        dims: names of the D real dims, of ACTION_DIMS in any order.
        speed: m/s of a recorded motion, see `usual_speed`; a prediction moves along an axis from half of it on.

    Returns:
        dict: n_episodes, n_frames; mae, rmse, mae_by_dim of the first action and mae_by_horizon of each action of a
        chunk, m/s; direction_accuracy, balanced_direction_accuracy (the mean of each direction's own), change_accuracy
        (frames whose direction is not that of the frame before), stop_recall, all 0..1; final_position_error, m, where
        an episode's commands end beside where the predicted ones would. None where no frame counts.
    """
    return _named(_figures(_total(_stacked(episodes, dims, speed))), len(episodes), dims)


def with_intervals(episodes: list[Scored], dims: tuple[str, ...], speed: float, seed: int = 0) -> dict[str, Any]:
    """Return `figures`, and beside each that is no count its `…_ci95`: [low, high], a bootstrap over episodes."""
    stacked = _stacked(episodes, dims, speed)
    return {
        **_named(_figures(_total(stacked)), len(episodes), dims),
        **_with_bounds(_figures(_resampled(stacked, seed)), dims),
    }


def paired_change(
    one: list[Scored], other: list[Scored], dims: tuple[str, ...], speed: float, seed: int = 0
) -> dict[str, Any]:
    """Return by how much the figures of `other` lie above those of `one`, episode for episode of the same ones.

    Returns:
        dict: each figure but the counts with its `…_ci95`: [low, high]. Both sides of a difference are drawn from the
        same episodes, so that what makes an episode hard for both cancels out.

    Raises:
        ValueError: the episodes are not the same.
    """
    if [each.name for each in one] != [each.name for each in other]:
        raise ValueError("A paired change needs the same episodes in the same order on both sides.")
    two = [_stacked(each, dims, speed) for each in (one, other)]
    whole = _difference(*(_figures(_total(each)) for each in two))
    drawn = _difference(*(_figures(_resampled(each, seed)) for each in two))
    return {**{name: _plain(value[0], name, dims) for name, value in whole.items()}, **_with_bounds(drawn, dims)}


def drawn_episodes(count: int, seed: int = 0) -> np.ndarray:
    """Return how often each of `count` episodes is in each of DRAWS sets drawn with replacement: (DRAWS, count)."""
    return np.random.default_rng(seed).multinomial(count, [1 / count] * count, DRAWS)


def _difference(one, other):
    return {name: other[name] - one[name] for name in one if name != "n_frames"}


def _with_bounds(drawn, dims):
    found = {name: np.stack(_bounds(each), -1) for name, each in drawn.items() if name != "n_frames"}
    return {f"{name}_ci95": _plain(each, name, dims) for name, each in found.items()}


def _stacked(episodes, dims, speed):
    """Every sum of every episode: {name: (E, …)}."""
    sums = [_sums(each, dims, speed) for each in episodes]
    return {name: np.stack([each[name] for each in sums]) for name in sums[0]}


def _total(stacked):
    return {name: each.sum(0)[None] for name, each in stacked.items()}


def _resampled(stacked, seed):
    """The sums of every drawn set of episodes: {name: (draws, …)}."""
    weights = drawn_episodes(len(stacked["frames"]), seed)
    return {name: np.tensordot(weights, each, 1) for name, each in stacked.items()}


def _named(values, count, dims):
    plain = {name: _plain(value[0], name, dims) for name, value in values.items() if name != "n_frames"}
    return {"n_episodes": count, "n_frames": int(values["n_frames"][0]), **plain}


def _sums(each, dims, speed):
    """One episode's sums: what all figures follow from."""
    predicted, actual = each.first, each.actual
    error = np.abs(predicted - actual)  # (T, D)
    ends = [integrate(plane(way, dims), each.period)[-1] for way in (predicted, actual)]
    by_horizon, counts = _by_horizon(each)
    return {
        **direction_counts(each, dims, speed),
        "episodes": np.array(1),
        "error": error.sum(0),
        "squared": ((predicted - actual) ** 2).sum(0),
        "horizon": by_horizon,
        "horizon_frames": counts,
        "final": np.linalg.norm(ends[0] - ends[1]),
    }


def _by_horizon(each):
    """Sum over frames of the mean error of the h-th action of a chunk, and how many frames have one: (N,) each."""
    frames, horizon = each.predicted.shape[:2]
    sums, counts = np.zeros(horizon), np.zeros(horizon)
    for ahead in range(min(frames, horizon)):
        error = np.abs(each.predicted[: frames - ahead, ahead] - each.actual[ahead:])
        sums[ahead], counts[ahead] = error.mean(1).sum(), frames - ahead
    return sums, counts


def _figures(sums):
    """Return figure → (draws, …) from sums of any number of draws."""
    frames = sums["frames"][:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "n_frames": sums["frames"],
            "mae": (sums["error"] / frames).mean(1),
            "rmse": np.sqrt((sums["squared"] / frames).mean(1)),
            "mae_by_dim": sums["error"] / frames,
            "mae_by_horizon": sums["horizon"] / sums["horizon_frames"],
            **direction_shares(sums),
            "final_position_error": sums["final"] / sums["episodes"],
        }


def _bounds(drawn):
    """The 2.5 and 97.5 % points of what could be computed."""
    finite = np.isfinite(drawn).any(0)
    low, high = np.nanpercentile(np.where(finite, drawn, 0), [2.5, 97.5], axis=0)
    return np.where(finite, low, np.nan), np.where(finite, high, np.nan)


def _plain(value, name, dims):
    """As JSON has it: floats, None for what could not be computed, a dict by dim where there is one a dim."""
    if name == "mae_by_dim":
        return {dim: _plain(each, "", dims) for dim, each in zip(dims, value, strict=True)}
    if np.ndim(value):
        return [_plain(each, "", dims) for each in value]
    return float(value) if np.isfinite(value) else None
