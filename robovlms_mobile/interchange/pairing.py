"""Pair frames with the commands nearest to them in time. Pure arrays."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Pairs:
    """Which command each frame goes with.

    Attributes:
        command: (T,) int, number of the nearest command.
        apart: (T,) float64 seconds from the frame to it; above 0: the command came later.
    """

    command: np.ndarray
    apart: np.ndarray

    def spread(self) -> str:
        """How far apart frames and commands are, in words: median, 95 % and most."""
        middle, most_of_them, largest = np.quantile(np.abs(self.apart), (0.5, 0.95, 1)) * 1000
        later = (self.apart > 0).mean()
        return (
            f"{middle:.0f} ms in the median, {most_of_them:.0f} ms in 95 %, {largest:.0f} ms at most; "
            f"in {later:.0%} the command is the later one"
        )


def nearest(frames: np.ndarray, commands: np.ndarray) -> Pairs:
    """Return the pairs of T frames with C commands, of two as near the earlier one.

    Args:
        frames, commands: (T,) and (C,) seconds, ascending; C at least 1.
    """
    after = np.clip(np.searchsorted(commands, frames), 0, len(commands) - 1)
    before = np.maximum(after - 1, 0)
    chosen = np.where(np.abs(commands[before] - frames) <= np.abs(commands[after] - frames), before, after)
    return Pairs(chosen, commands[chosen] - frames)


def thinned(times: np.ndarray, rate: float | None) -> np.ndarray:
    """Return the numbers of the frames to keep, (n,) int: those nearest to a clock of `rate` a second; None: all.

    Args:
        times: (T,) seconds, ascending.
    """
    if rate is None or len(times) < 2:
        return np.arange(len(times))
    clock = np.arange(times[0], times[-1] + 1e-9, 1 / rate)
    return np.unique(nearest(clock, times).command)


def runs(kept: np.ndarray) -> list[slice]:
    """Return the stretches of True in (T,) bool, at least two long."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], kept, [False]]).astype(int)))
    return [slice(start, stop) for start, stop in edges.reshape(-1, 2) if stop - start > 1]
