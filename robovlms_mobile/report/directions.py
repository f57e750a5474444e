"""The nine directions a key can mean, and how often and when episodes take each. Pure arrays."""

from dataclasses import dataclass

import numpy as np

STILL = 0.05  # m/s below which an axis does not move


@dataclass(frozen=True)
class Direction:
    """One of nine: its key on the collector's keyboard, its name, and its signs (linear_x, linear_y)."""

    key: str
    name: str
    signs: tuple

    @property
    def label(self):
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


def directions(velocities):
    """velocities: (T, 2) m/s → (T,) int, which of DIRECTIONS each is, by the signs of its axes."""
    signs = np.where(np.abs(velocities) < STILL, 0, np.sign(velocities)).astype(int)
    return np.array([_NUMBER[tuple(each)] for each in signs.tolist()], int)


def letters(numbers):
    """(T,) int → the keys as the lab writes them, e.g. `w w d e ·`; a dot for stop."""
    return " ".join("·" if number == STOP else DIRECTIONS[number].key for number in numbers)


def histogram(sequences):
    """Count the nine directions in all sequences: (9,) int."""
    return np.bincount(np.concatenate(sequences), minlength=len(DIRECTIONS))


def by_frame(sequences):
    """Count the nine directions at each frame number: (longest T, 9) int."""
    counts = np.zeros((max(map(len, sequences)), len(DIRECTIONS)), int)
    for sequence in sequences:
        counts[np.arange(len(sequence)), sequence] += 1
    return counts


def change_rate(sequences):
    """Share of episodes whose direction at frame t differs from frame t − 1: (longest T,) float, NaN at frame 0."""
    longest = max(map(len, sequences))
    changed, seen = np.zeros(longest), np.zeros(longest)
    for sequence in sequences:
        seen[1 : len(sequence)] += 1
        changed[1 : len(sequence)] += sequence[1:] != sequence[:-1]
    return np.divide(changed, seen, out=np.full(longest, np.nan), where=seen > 0)
