"""How often and when episodes take each direction. Sequences are (T,) int, as `data.directions` numbers them."""

import numpy as np

from robovlms_mobile.data.directions import DIRECTIONS, STOP


def letters(numbers: np.ndarray) -> str:
    """(T,) int → the keys as the lab writes them, e.g. `w w d e ·`; a dot for stop."""
    return " ".join("·" if number == STOP else DIRECTIONS[number].key for number in numbers)


def histogram(sequences: list[np.ndarray]) -> np.ndarray:
    """Count the nine directions in all sequences: (9,) int."""
    return np.bincount(np.concatenate(sequences), minlength=len(DIRECTIONS))


def by_frame(sequences: list[np.ndarray]) -> np.ndarray:
    """Count the nine directions at each frame number: (longest T, 9) int."""
    counts = np.zeros((max(map(len, sequences)), len(DIRECTIONS)), int)
    for sequence in sequences:
        counts[np.arange(len(sequence)), sequence] += 1
    return counts


def change_rate(sequences: list[np.ndarray]) -> np.ndarray:
    """Share of episodes whose direction at frame t differs from frame t − 1: (longest T,) float, NaN at frame 0."""
    longest = max(map(len, sequences))
    changed, seen = np.zeros(longest), np.zeros(longest)
    for sequence in sequences:
        seen[1 : len(sequence)] += 1
        changed[1 : len(sequence)] += sequence[1:] != sequence[:-1]
    return np.divide(changed, seen, out=np.full(longest, np.nan), where=seen > 0)
