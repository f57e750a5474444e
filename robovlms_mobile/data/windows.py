"""Which frames and actions a sample sees: the windows in an episode. Pure indices."""

from dataclasses import dataclass

import numpy as np


def window_starts(length: int, window_size: int, chunk_size: int, mode: str, shift: int = 0) -> range:
    """Return the first frames of an episode's windows.

    Args:
        length: frames of the episode, T.
        window_size: frames a sample sees, W.
        chunk_size: actions predicted from a frame, N.
        mode: "padded" takes every frame that has at least one real action to learn from: 18 for T 18; "full" only the
            windows whose W + N frames all exist (upstream's count): 5 for T 18, W 4, N 10. See `data.hidden`.
        shift: 1 where `shift_first` pairs every frame with the action after its own, else 0.
    """
    last = length - (window_size + chunk_size) if mode == "full" else length - 1 - shift
    return range(max(0, last + 1))


@dataclass(frozen=True)
class Window:
    """The indices of one sample.

    Attributes:
        frames: (W,) frame numbers; past the end the last frame repeats.
        actions: (W + N - 1,) action numbers; past the end the last action repeats.
        mask: (W, N) bool, True where both the frame and the action are real. Never all False.
    """

    frames: np.ndarray
    actions: np.ndarray
    mask: np.ndarray


def make_window(start: int, length: int, window_size: int, chunk_size: int, shift: int = 0) -> Window:
    """Return the `Window` that begins at frame `start` of an episode of `length` frames."""
    frames = start + np.arange(window_size)  # (W,)
    actions = start + shift + np.arange(window_size + chunk_size - 1)  # (W + N - 1,)
    chunks = np.lib.stride_tricks.sliding_window_view(actions < length, chunk_size)  # (W, N)
    real = chunks & (frames < length)[:, None]
    return Window(np.minimum(frames, length - 1), np.minimum(actions, length - 1), real)
