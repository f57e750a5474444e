"""How well one predicts actions without looking: a policy must beat these numbers. Pure arrays.

Each prediction for an episode is made from the other episodes only. Frame 0 is left out: it is the collector's initial
stop, and has no action before it.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Baseline:
    """One way to predict.

    Attributes:
        name: what it looks at.
        explanation: how it predicts, in a sentence.
        error: mean Euclidean distance to the real action, m/s, over all frames but the first of each episode.
        by_frame: the same by frame number: tuple, None where no episode has that frame.
    """

    name: str
    explanation: str
    error: float
    by_frame: tuple


def measure(velocities: list[np.ndarray], scenarios: list[str]) -> tuple[Baseline, ...]:
    """Measure all baselines, leaving one episode out at a time.

    Args:
        velocities: list of (T, 2) arrays, m/s, one an episode; T may differ.
        scenarios: the scenario of each.

    Returns:
        tuple[Baseline, ...]; empty where there are fewer than two episodes, or none is longer than a frame.
    """
    if len(velocities) < 2 or max(map(len, velocities)) < 2:
        return ()
    mean = _mean_of_others(velocities)
    at_frame = _at_frame(velocities, ["all"] * len(velocities), mean)
    with_scenario = _at_frame(velocities, scenarios, at_frame)
    previous = [np.concatenate([each[:1], each[:-1]]) for each in velocities]
    rows = (
        ("mean action", "always the same: the mean of all actions in the other episodes", mean),
        ("frame number alone", "the mean action of the other episodes at the same frame", at_frame),
        ("frame number and scenario", "the same, among episodes of the same scenario only", with_scenario),
        ("previous action", "what the robot did a moment ago, once more", previous),
    )
    return tuple(_baseline(name, text, velocities, predicted) for name, text, predicted in rows)


def _baseline(name, explanation, velocities, predictions):
    errors = [np.linalg.norm(real - predicted, axis=1) for real, predicted in zip(velocities, predictions, strict=True)]
    by_frame = [None]
    for t in range(1, max(map(len, errors))):
        by_frame.append(float(np.mean([error[t] for error in errors if len(error) > t])))
    return Baseline(name, explanation, float(np.concatenate([error[1:] for error in errors]).mean()), tuple(by_frame))


def _mean_of_others(velocities):
    """Predict each episode by the mean action of all the others: list of (T, 2)."""
    sums = np.array([each[1:].sum(axis=0) for each in velocities])  # (E, 2)
    counts = np.array([len(each) - 1 for each in velocities])
    others = np.maximum(counts.sum() - counts, 1)[:, None]
    means = (sums.sum(axis=0) - sums) / others
    return [np.tile(mean, (len(each), 1)) for mean, each in zip(means, velocities, strict=True)]


def _at_frame(velocities, groups, fallback):
    """Predict by the mean of the group's other episodes at each frame; `fallback` where there is none."""
    longest = max(map(len, velocities))
    sums = {group: np.zeros((longest, 2)) for group in groups}
    counts = {group: np.zeros((longest, 1)) for group in groups}
    for each, group in zip(velocities, groups, strict=True):
        sums[group][: len(each)] += each
        counts[group][: len(each)] += 1
    predictions = []
    for each, group, instead in zip(velocities, groups, fallback, strict=True):
        others = counts[group][: len(each)] - 1
        rest = sums[group][: len(each)] - each
        predictions.append(np.where(others > 0, rest / np.maximum(others, 1), instead))
    return predictions
