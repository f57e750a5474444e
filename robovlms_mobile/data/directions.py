"""The nine directions a key can mean, and which of them a recorded action is. Pure arrays."""

from dataclasses import dataclass

import numpy as np

STILL = 0.05  # m/s below which an axis does not move
OFF_KEYS = 0.1  # mean distance of actions from the nine keys, in a key's speed, above which they are none


@dataclass(frozen=True)
class Direction:
    """One of nine: its key on the collector's keyboard, its name, and its signs (linear_x, linear_y)."""

    key: str
    name: str
    signs: tuple

    @property
    def label(self) -> str:
        """Name and key, e.g. `forward-left (q)`."""
        return f"{self.name} ({self.key})"


DIRECTIONS = (  # clockwise from straight on, stop last
    Direction("w", "forward", (1, 0)),
    Direction("e", "forward-right", (1, -1)),
    Direction("d", "right", (0, -1)),
    Direction("c", "back-right", (-1, -1)),
    Direction("s", "back", (-1, 0)),
    Direction("z", "back-left", (-1, 1)),
    Direction("a", "left", (0, 1)),
    Direction("q", "forward-left", (1, 1)),
    Direction("space", "stop", (0, 0)),
)
STOP = len(DIRECTIONS) - 1
_NUMBER = {direction.signs: number for number, direction in enumerate(DIRECTIONS)}


def directions(velocities: np.ndarray, still: float = STILL) -> np.ndarray:
    """Return which of DIRECTIONS each action is, by the signs of its first two columns; an axis below `still` is 0.

    Args:
        velocities: (T, 2 or more) m/s: linear_x, linear_y; further columns do not count.
        still: m/s.

    Returns:
        (T,) int.
    """
    plane = np.asarray(velocities)[:, :2]
    signs = np.where(np.abs(plane) < still, 0, np.sign(plane)).astype(int)
    return np.array([_NUMBER[tuple(each)] for each in signs.tolist()], int)
