"""Where the commanded velocities would take the robot, seen from above. Pure arrays."""

import numpy as np


def integrate(actions: np.ndarray, step: float) -> np.ndarray:
    """Integrate body-frame velocities, starting at the origin facing along +x.

    Args:
        actions: (T, 3): linear_x, linear_y in m/s, angular_z in rad/s; each holds for one step.
        step: seconds.

    Returns:
        (T + 1, 2) float64 positions in metres: x forward, y left.
    """
    actions = np.asarray(actions, np.float64)
    yaw = np.concatenate([[0.0], np.cumsum(actions[:, 2] * step)[:-1]])  # (T,) heading at the start of each step
    forward, left = actions[:, 0], actions[:, 1]
    moves = np.stack([forward * np.cos(yaw) - left * np.sin(yaw), forward * np.sin(yaw) + left * np.cos(yaw)], axis=1)
    return np.concatenate([np.zeros((1, 2)), np.cumsum(moves * step, axis=0)])
