"""How fast the robot may go, and how soon. Pure arithmetic on (3,): linear_x, linear_y, angular_z."""

from dataclasses import dataclass

import numpy as np

LONGEST = 0.1  # seconds: after a longer pause between two commands speed does not grow by more than in this


@dataclass(frozen=True)
class Limits:
    """Largest speeds, and how fast speed may grow.

    Attributes:
        speed: (3,) m/s, m/s, rad/s, each above 0.
        acceleration: (3,) m/s², m/s², rad/s²; 0 for no limit.
    """

    speed: tuple[float, float, float]
    acceleration: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def slowed(self, velocity: np.ndarray) -> np.ndarray:
        """Return a velocity within the largest speeds: all axes by one factor, so that the robot keeps its way."""
        return velocity / max(1.0, float(np.max(np.abs(velocity) / self.speed)))

    def towards(self, wanted: np.ndarray, current: np.ndarray, seconds: float) -> np.ndarray:
        """Return what to command on the way to `wanted`, `seconds` after `current`: each (3,).

        Only speeding up is limited. An axis that slows down does so at once; one that turns round starts from rest.
        """
        given = np.array(self.acceleration)
        gain = np.where(given > 0, given * min(seconds, LONGEST), np.inf)
        return np.clip(wanted, np.minimum(current, 0) - gain, np.maximum(current, 0) + gain)
