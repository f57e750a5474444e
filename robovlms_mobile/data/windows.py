"""Which frames and actions a sample sees: the split by episode, the windows in an episode. Pure indices."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from robovlms_mobile.errors import DataError


def split_episodes(episodes: Sequence, train_split: float = 0.8) -> tuple[list, list]:
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
            f"{len(validation)} for validation, expected at least 1 each.",
            "Add episodes or change train_split.",
        )
    return train, validation


def window_starts(length: int, window_size: int, chunk_size: int, mode: str, shift: int = 0) -> range:
    """Return the first frames of an episode's windows.

    Args:
        length: frames of the episode, T.
        window_size: frames a sample sees, W.
        chunk_size: actions predicted from a frame, N.
        mode: "padded" takes every frame that has at least one real action to learn from: 18 for T 18; "full" only the
            windows whose W + N frames all exist (upstream's count): 5 for T 18, W 4, N 10. See `unseen_frames`.
        shift: 1 where `shift_first` pairs every frame with the action after its own, else 0.
    """
    last = length - (window_size + chunk_size) if mode == "full" else length - 1 - shift
    return range(max(0, last + 1))


def unseen_frames(length: int, window_size: int, chunk_size: int, mode: str, shift: int = 0) -> range:
    """Return the frames of an episode that are in no window, always its last: 8 to 17 of "full" windows as above."""
    starts = window_starts(length, window_size, chunk_size, mode, shift)
    return range(min(length, starts[-1] + window_size) if starts else 0, length)


def hidden_frames(lengths: Iterable[int], window_size: int, chunk_size: int, mode: str, shift: int = 0) -> str:
    """Say how much of some episodes is in no window, "" where every frame is in one.

    Args:
        lengths: frames of each episode; the others as in `window_starts`.

    Returns:
        e.g. `frames 8-17 of 18 are never seen (56% of all frames)`: the frames of an episode as long as most are, the
        share of all.
    """
    counts = Counter(lengths)
    hidden = {length: unseen_frames(length, window_size, chunk_size, mode, shift) for length in counts}
    lost = sum(len(hidden[length]) * count for length, count in counts.items())
    if not lost:
        return ""
    usual = max((length for length in counts if hidden[length]), key=lambda length: (counts[length], length))
    first, last = hidden[usual][0], hidden[usual][-1]
    share = lost / sum(length * count for length, count in counts.items())
    return f"frames {first}-{last} of {usual} are never seen ({share:.0%} of all frames)"


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
    return Window(
        frames=np.minimum(frames, length - 1),
        actions=np.minimum(actions, length - 1),
        mask=chunks & (frames < length)[:, None],
    )
