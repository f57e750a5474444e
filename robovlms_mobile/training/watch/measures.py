"""The figures of a validation under plain names, the baselines beside them, and what a policy beats. Pure arrays."""

from collections import defaultdict
from dataclasses import replace
from typing import Any

import numpy as np

from robovlms_mobile.scoring.baselines import NAMES, Baselines
from robovlms_mobile.scoring.scored import Scored, direction_counts, direction_shares

COMPARED = {  # what a policy is held against the baselines by → in words
    "mae": "MAE",
    "direction_accuracy": "direction",
    "balanced_direction_accuracy": "balanced direction",
    "change_accuracy": "changes",
}


def measures(episodes: list[Scored], dims: tuple[str, ...], speed: float) -> dict[str, float | None]:
    """Return the figures of a validation, without intervals.

    Args:
        episodes, dims, speed: as `scoring.figures.figures` takes them.

    Returns:
        dict: mae and rmse of the first action, chunk_mae and chunk_rmse of all recorded ones of a chunk, m/s, each also
        by dim (mae_linear_x, …); and `direction_shares`, 0..1, None where no frame counts.
    """
    first = np.concatenate([each.first - each.actual for each in episodes])  # (F, D)
    ahead = [
        each.predicted[: len(each.actual) - h, h] - each.actual[h:]
        for each in episodes
        for h in range(min(each.predicted.shape[1], len(each.actual)))
    ]
    found: dict[str, float | None] = {}
    for prefix, error in (("", first), ("chunk_", np.concatenate(ahead))):
        for name, each in (("mae", np.abs(error).mean(0)), ("rmse", np.sqrt(np.square(error).mean(0)))):
            whole = each.mean() if name == "mae" else np.sqrt(np.square(error).mean())
            found[f"{prefix}{name}"] = float(whole)
            found |= {f"{prefix}{name}_{dim}": float(one) for dim, one in zip(dims, each, strict=True)}
    counts = [direction_counts(each, dims, speed) for each in episodes]
    shares = direction_shares({name: np.sum([each[name] for each in counts], axis=0)[None] for name in counts[0]})
    return found | {name: float(share[0]) if np.isfinite(share[0]) else None for name, share in shares.items()}


def by_scenario(episodes: list[Scored], dims: tuple[str, ...], speed: float) -> dict[str, dict[str, Any]]:
    """Return scenario → its number of episodes and those of its figures that are in COMPARED."""
    found = {}
    for scenario in sorted({each.scenario for each in episodes}):
        group = [each for each in episodes if each.scenario == scenario]
        known = measures(group, dims, speed)
        found[scenario] = {"n_episodes": len(group), **{name: known[name] for name in COMPARED}}
    return found


def baseline_measures(
    known: Baselines, episodes: list[Scored], dims: tuple[str, ...], speed: float
) -> dict[str, dict[str, float | None]]:
    """Return baseline → its figures on the same frames."""

    def guess(name, each):
        return replace(each, predicted=known.predict(name, each.actual, each.scenario, each.predicted.shape[1]))

    return {name: measures([guess(name, each) for each in episodes], dims, speed) for name in NAMES}


def not_beaten(own: dict[str, Any], baselines: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
    """Return baseline → those of COMPARED in which the policy is not better; what no frame tells is left out."""
    return {
        name: [each for each in COMPARED if None not in (own[each], theirs[each]) and not _better(each, own, theirs)]
        for name, theirs in baselines.items()
    }


def in_words(own: dict[str, Any], lost: dict[str, list[str]]) -> str:
    """Return a line: the figures, which baselines they beat, and which not and in what."""
    groups = defaultdict(list)
    for name, measured in lost.items():
        groups[tuple(measured)].append(name)
    told = [
        f"{'not' if measured else 'beats'} {', '.join(names)}"
        + (f" in {', '.join(COMPARED[each] for each in measured)}" if measured else "")
        for measured, names in sorted(groups.items(), key=lambda item: len(item[0]))
    ]
    parts = {"direction": "direction_accuracy", "balanced": "balanced_direction_accuracy", "changes": "change_accuracy"}
    shares = [f"{word} {own[name]:.2f}" for word, name in parts.items() if own[name] is not None]
    return f"MAE {own['mae']:.3f} m/s, {', '.join(shares)}; {'; '.join(told)}"


def _better(name, own, other):
    return own[name] < other[name] if name == "mae" else own[name] > other[name]
