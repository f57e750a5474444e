"""What autocast computes in, whichever torch is there."""

import torch


def autocast_dtype(device: str) -> torch.dtype | None:
    """Return the half precision of an autocast that is on for a type of device, "cpu" or "cuda"; None outside one."""
    if hasattr(torch, "get_autocast_dtype"):
        return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else None
    if device == "cpu":  # torch before 2.4
        return torch.get_autocast_cpu_dtype() if torch.is_autocast_cpu_enabled() else None
    return torch.get_autocast_gpu_dtype() if torch.is_autocast_enabled() else None
