"""`"batch": "episode"`: an episode's windows, made of the features of its frames."""

import torch


def as_windows(features: torch.Tensor, windows: int, size: int) -> torch.Tensor:
    """Return what windows apart would have given the head; gradients add up in the frames that they share.

    Args:
        features: (T, 1, n, D) of frames 0 to T - 1.
        windows: V; window v begins at frame v.
        size: W, frames of a window; past the end the last frame repeats.

    Returns:
        (V, W, n, D).
    """
    starts, steps = (torch.arange(count, device=features.device) for count in (windows, size))
    return features[(starts[:, None] + steps).clamp(max=len(features) - 1), 0]
