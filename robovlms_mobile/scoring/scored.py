"""An episode with what was predicted for it, and at how many frames the direction is right. Pure arrays."""

from dataclasses import dataclass

import numpy as np

from robovlms_mobile.data.directions import DIRECTIONS, STILL, STOP, directions
from robovlms_mobile.data.names import ACTION_DIMS


@dataclass(frozen=True)
class Scored:
    """One episode and what was predicted for it.

    Attributes:
        name: of the episode.
        scenario: of the episode, e.g. "1box_hori_left".
        predicted: (T, N, D) m/s and rad/s: the N actions predicted at each frame.
        actual: (T, D): the recorded ones.
        period: seconds from a frame to the next.
    """

    name: str
    scenario: str
    predicted: np.ndarray
    actual: np.ndarray
    period: float = 1.0

    @property
    def first(self) -> np.ndarray:
        """The first action of each prediction, (T, D): what a robot that asks at every frame drives."""
        return self.predicted[:, 0]


def usual_speed(actions: list[np.ndarray], dims: tuple[str, ...]) -> float:
    """Return the median speed along an axis that moves, m/s, over all actions: list of (T, D), columns as `dims`."""
    speeds = np.abs(plane(np.concatenate(actions), dims)[:, :2])
    moving = speeds[speeds >= STILL]
    return float(np.median(moving)) if len(moving) else 2 * STILL


def plane(velocities: np.ndarray, dims: tuple[str, ...]) -> np.ndarray:
    """Return linear_x, linear_y and angular_z of velocities, (T, D) → (T, 3); 0 for one that `dims` has not got."""
    given = dict(zip(dims, np.moveaxis(velocities, -1, 0), strict=True))
    return np.stack([given.get(name, np.zeros(len(velocities))) for name in ACTION_DIMS], -1)


def recorded_and_predicted(each: Scored, dims: tuple[str, ...], speed: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the directions of an episode's frames, recorded and of the first action predicted: (T,) int each.

    `dims` and `speed` as `figures` takes them; numbered as DIRECTIONS.
    """
    return directions(plane(each.actual, dims)), directions(plane(each.first, dims), speed / 2)


def direction_counts(each: Scored, dims: tuple[str, ...], speed: float) -> dict[str, np.ndarray]:
    """Count one episode's frames by the direction of the first action; `dims` and `speed` as `figures` takes them.

    Returns:
        dict: frames, right (the direction predicted is that recorded), changed (recorded is another than at the frame
        before), changed_right; and (9,) frames_by_direction, right_by_direction, numbered as DIRECTIONS.
    """
    true, guess = recorded_and_predicted(each, dims, speed)  # (T,)
    right = true == guess
    changed = np.concatenate([[False], true[1:] != true[:-1]])
    here = np.eye(len(DIRECTIONS))[true]  # (T, 9)
    return {
        "frames": np.array(len(true)),
        "right": right.sum(),
        "right_by_direction": (here * right[:, None]).sum(0),
        "frames_by_direction": here.sum(0),
        "changed": changed.sum(),
        "changed_right": (changed & right).sum(),
    }


def direction_shares(sums: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return direction_accuracy, balanced_direction_accuracy, change_accuracy and stop_recall, (draws,) each.

    Args:
        sums: those of `direction_counts` over any episodes, (draws, …) each. NaN where no frame counts.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = sums["right_by_direction"] / sums["frames_by_direction"]  # (draws, 9), NaN where never recorded
        seen = ~np.isnan(recall)
        return {
            "direction_accuracy": sums["right"] / sums["frames"],
            "balanced_direction_accuracy": np.where(seen, recall, 0).sum(1) / seen.sum(1),
            "change_accuracy": sums["changed_right"] / sums["changed"],
            "stop_recall": recall[:, STOP],
        }
