"""Find episodes that are nearly the same recording, with the split's own measure of alike. Pure arrays."""

from dataclasses import dataclass

import numpy as np

from robovlms_mobile.data.split.near_duplicates import NEAR, similar_pairs

NEAR_IF_SAME = 2 * NEAR  # grey levels up to which pictures count as alike where all actions are equal too


@dataclass(frozen=True)
class Pair:
    """Two episodes that look alike.

    Attributes:
        first, second: names.
        distance: mean difference of their grey thumbnails, grey levels of 255, where the three differ most.
        same_actions: whether their actions are equal, all of them.
    """

    first: str
    second: str
    distance: float
    same_actions: bool


def near_duplicates(signatures: dict[str, np.ndarray], actions: dict[str, np.ndarray]) -> list[Pair]:
    """Return the pairs within NEAR, and those with equal actions within NEAR_IF_SAME: list[Pair], closest first.

    Args:
        signatures: name → (3, 16, 16) uint8, as `near_duplicates.thumbnails` makes them.
        actions: name → (T, 3) array.
    """
    found = []
    for first, second in similar_pairs(signatures, NEAR_IF_SAME):
        apart = np.abs(signatures[first].astype(np.int16) - signatures[second]).mean(axis=(1, 2)).max()
        pair = Pair(first, second, float(apart), np.array_equal(actions[first], actions[second]))
        if pair.same_actions or pair.distance <= NEAR:
            found.append(pair)
    return sorted(found, key=lambda pair: pair.distance)
