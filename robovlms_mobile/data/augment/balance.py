"""Repeat windows with rare actions, so that driving straight on does not drown the turns. Pure indices."""

import math
from collections import Counter
from collections.abc import Iterable

import numpy as np

from robovlms_mobile.data.directions import directions
from robovlms_mobile.data.episodes import Episode
from robovlms_mobile.data.windows import Window, make_window

LIMIT = 4  # times a window may come in an epoch


def balanced(
    samples: list[tuple[Episode, int]], window_size: int, chunk_size: int, shift: int = 0
) -> list[tuple[Episode, int]]:
    """Return windows with the rare ones repeated, in order.

    Args:
        samples: (episode, first frame) of each window; the others as in `data.windows.make_window`.
    """
    found = []
    for episode, start in samples:
        window = make_window(start, episode.length, window_size, chunk_size, shift)
        found.append(chunk_directions(episode.actions, window, chunk_size))
    return [samples[index] for index in balanced_indices(found)]


def chunk_directions(actions: np.ndarray, window: Window, chunk_size: int) -> set[int]:
    """Return the numbers of the directions in what is predicted from a window's last frame.

    The frames before it are history, and the wait in an episode's first frame would make its first window rare.

    Args:
        actions: (T, 3) as recorded.
        window: a `Window`; of a padded one, the last frame that has real actions counts.
        chunk_size: N.
    """
    last = int(np.flatnonzero(window.mask.any(1)).max())
    chunk = window.actions[last : last + chunk_size][window.mask[last]]
    return set(directions(actions[chunk]).tolist())


def balanced_indices(directions_per_window: Iterable[Iterable[int]], limit: int = LIMIT) -> list[int]:
    """Return the indices of windows, in order, rare ones several times; every window at least once.

    A direction that c windows have, where the most frequent one is in m, asks for √(m / c) repeats of each of them,
    and a window gets what its rarest direction asks for, rounded, at most `limit`. Repeat-factor sampling after Gupta
    et al., LVIS (2019), with the most frequent direction for a threshold: the root, as every repeat of a rare action
    repeats the frequent ones beside it.

    Args:
        directions_per_window: for every window its directions, each once, e.g. from `chunk_directions`.
        limit: at least 1.
    """
    windows = [set(each) for each in directions_per_window]
    counts = Counter(direction for each in windows for direction in each)
    most = max(counts.values(), default=0)
    repeats = {direction: min(limit, math.floor(math.sqrt(most / count) + 0.5)) for direction, count in counts.items()}
    return [
        index
        for index, each in enumerate(windows)
        for _ in range(max((repeats[direction] for direction in each), default=1))
    ]
