"""Which way the scene moves between two pictures: block matching of rows against themselves, shifted. Pure arrays.

A robot that goes left or turns left sees the scene move right, and the other way round; ahead, one half moves left and
the other right. So only the sign is asked for, and only of what moves as a whole.
"""

from collections.abc import Iterable

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 128, 72  # pixels in which motion is looked for
REACH = 14  # pixels of those that the scene may move between two frames
BANDS = 6  # of rows, each asked on its own: near floor moves more than far walls
BLUR = 9  # pixels; slower changes than this are light, not things
CLEAR = 0.1  # part of a band's difference that the best shift must remove, or nothing is to be seen there


class Watcher:
    """Sees frames one by one. Attributes: votes: list of what `motion` returns, one for each frame but the first."""

    def __init__(self):
        self.votes = []
        self._before = None

    def see(self, frame: np.ndarray) -> None:
        """frame: (3, H, W) uint8, colours in any order."""
        picture = _prepared(frame)
        if self._before is not None:
            self.votes.append(_vote(self._before, picture))
        self._before = picture


def motion(frames: Iterable[np.ndarray]) -> np.ndarray:
    """Return which way the scene moves from each frame to the next, as its bands agree.

    Args:
        frames: T arrays (3, H, W) uint8.

    Returns:
        (T - 1,) float: from 1, all of it to the right, to -1, all to the left; NaN where nothing can be seen to move.
    """
    watcher = Watcher()
    for frame in frames:
        watcher.see(frame)
    return np.array(watcher.votes)


def _prepared(frame):
    """(3, H, W) uint8 → (BANDS, rows, WIDTH) float32, grey, without what changes slowly along a row."""
    grey = Image.fromarray(np.asarray(frame).mean(0).astype(np.uint8)).resize((WIDTH, HEIGHT), Image.Resampling.BOX)
    rows = np.asarray(grey, np.float32)
    sums = np.cumsum(np.pad(rows, ((0, 0), (BLUR // 2 + 1, BLUR // 2)), mode="edge"), axis=1)
    return (rows - (sums[:, BLUR:] - sums[:, :-BLUR]) / BLUR).reshape(BANDS, -1, WIDTH)


def _vote(before, after):
    """Compare two prepared pictures."""
    shifts = np.arange(-REACH, REACH + 1)
    apart = np.stack([_apart(before, after, shift) for shift in shifts])  # (shifts, BANDS)
    gained = apart[REACH] - apart.min(0)  # against no shift
    weights = np.where(gained > CLEAR * apart[REACH], gained, 0)
    if not weights.any():
        return np.nan
    return float((np.sign(shifts[apart.argmin(0)]) * weights).sum() / weights.sum())


def _apart(before, after, shift):
    """Mean difference by band, where `after` is `before` moved to the right by `shift` pixels."""
    first, last = max(0, -shift), min(WIDTH, WIDTH - shift)
    return np.abs(before[..., first:last] - after[..., first + shift : last + shift]).mean((1, 2))
