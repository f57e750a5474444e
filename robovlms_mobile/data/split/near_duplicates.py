"""Find episodes that show the same pictures: near-duplicates by their thumbnails. Pure arrays."""

import numpy as np

NEAR = 3.0  # grey levels, mean over a thumbnail: sensor noise stays far below, another layout in the same room above


def thumbnails(frames: np.ndarray) -> np.ndarray:
    """Return the first, middle and last of an episode's frames, small and grey: (3, 16, 16) uint8.

    Args:
        frames: (T, 3, size, size) uint8, as a frame store has them.
    """
    three = frames[[0, len(frames) // 2, len(frames) - 1]].mean(1)  # (3, size, size)
    cells = np.array_split(np.arange(frames.shape[-1]), 16)
    rows = np.stack([three[:, cell].mean(1) for cell in cells], 1)  # (3, 16, size)
    return np.stack([rows[:, :, cell].mean(2) for cell in cells], 2).round().astype(np.uint8)


def similar_pairs(signatures: dict[str, np.ndarray], near: float = NEAR) -> list[tuple[str, str]]:
    """Return the pairs of names whose thumbnails differ by at most `near` grey levels each, on average.

    Args:
        signatures: mapping name → (3, 16, 16) uint8, grey thumbnails of the first, middle and last frame.
        near: all three have to be this near; repeats of one layout often share the first picture alone.

    Returns:
        list[tuple[str, str]], each pair once, both it and the list in order of names.
    """
    names = sorted(signatures)
    if len(names) < 2:
        return []
    pixels = np.stack([np.asarray(signatures[name]) for name in names]).astype(np.int16)  # (n, 3, 16, 16)
    quarters = pixels.reshape(len(names), 3, 2, 8, 2, 8).mean((3, 5), dtype=np.float32).reshape(len(names), 3, 4)
    order = np.argsort(quarters[:, 0].mean(1), kind="stable")
    quarters, brightness = quarters[order], quarters[order].mean(2)  # (n, 3, 4), (n, 3)
    reach = near + 1e-3  # neither means of quarters nor of all can be further apart than the pixels; float32 rounds
    pairs = []
    for row, end in enumerate(np.searchsorted(brightness[:, 0], brightness[:, 0] + reach, side="right")):
        others = row + 1 + np.flatnonzero((np.abs(brightness[row + 1 : end] - brightness[row]) <= reach).all(1))
        for other in others[(np.abs(quarters[others] - quarters[row]).mean(2) <= reach).all(1)]:
            first, second = sorted((int(order[row]), int(order[other])))
            if np.abs(pixels[first] - pixels[second]).mean((1, 2)).max() <= near:
                pairs.append((names[first], names[second]))
    return sorted(pairs)
