"""Which frames no window of `"windows": "full"` ever shows, and how many those are. Pure indices."""

import warnings
from collections import Counter
from collections.abc import Iterable

from robovlms_mobile.data.windows import window_starts


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


def warn_of_hidden(role: str, lengths: Iterable[int], window_size: int, chunk_size: int, shift: int = 0) -> None:
    """Say what full windows never show of the "training" or "validation" episodes; see `hidden_frames`."""
    if hidden := hidden_frames(lengths, window_size, chunk_size, "full", shift):
        warnings.warn(f'"windows": "full" in {role}: {hidden}; "padded" shows all.', stacklevel=2)
