"""Which frames and actions a sample sees: the split by episode, the windows in an episode. Pure indices."""

from dataclasses import dataclass

import numpy as np

from robovlms_mobile.errors import DataError


def split_episodes(episodes, train_split=0.8):
    """Split a list by its order: the first `train_split` for training, the rest for validation.

    By episode, never by window: two windows of one episode share frames. 136 at 0.8 → 108 and 28.

    Raises:
        DataError: one of the sides would be empty.
    """
    count = int(len(episodes) * train_split)
    train, validation = list(episodes[:count]), list(episodes[count:])
    if not train or not validation:
        raise DataError(
            f"{len(episodes)} episodes at train_split {train_split} give {len(train)} for training and "
            f"{len(validation)} for validation, expected at least 1 each. Add episodes or change train_split."
        )
    return train, validation


def window_starts(length, window_size, chunk_size, mode="full", shift=0):
    """Return the first frames of an episode's windows, as a range.

    Args:
        length: frames of the episode, T.
        window_size: frames a sample sees, W.
        chunk_size: actions predicted from a frame, N.
        mode: "full" takes the windows whose W + N frames all exist (upstream's count: 5 for T 18, W 4, N 10);
            "padded" takes every frame that has at least one real action to learn from.
        shift: 1 when a frame is paired with the next action.
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


def make_window(start, length, window_size, chunk_size, shift=0):
    """Return the `Window` that begins at frame `start` of an episode of `length` frames."""
    frames = start + np.arange(window_size)  # (W,)
    actions = start + shift + np.arange(window_size + chunk_size - 1)  # (W + N - 1,)
    chunks = np.lib.stride_tricks.sliding_window_view(actions < length, chunk_size)  # (W, N)
    return Window(
        frames=np.minimum(frames, length - 1),
        actions=np.minimum(actions, length - 1),
        mask=chunks & (frames < length)[:, None],
    )
