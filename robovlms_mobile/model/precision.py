"""Precisions of written tensors: their names on the command line, in safetensors and in torch."""

import math

import torch

from robovlms_mobile.errors import CheckpointError

STORED = {"fp32": "F32", "fp16": "F16", "bf16": "BF16"}  # from finest to coarsest
TORCH = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}

LARGEST_HALF = 65504


def converted(name: str, tensor: torch.Tensor, dtype: str) -> torch.Tensor:
    """Return a floating-point tensor in another precision.

    Args:
        dtype: of safetensors: F32, F16 or BF16.

    Raises:
        CheckpointError: a finite value becomes infinite.
    """
    largest = max(map(abs, map(float, tensor.aminmax()))) if dtype == "F16" and tensor.numel() else 0.0
    if LARGEST_HALF < largest < math.inf:
        raise CheckpointError(
            f"{name} has values up to {largest:.3g}, beyond fp16's {LARGEST_HALF}. Write bf16 or fp32."
        )
    return tensor.to(TORCH[dtype])


def on_disk(name: str, tensor: torch.Tensor, dtype: str) -> torch.Tensor:
    """Return `converted` as safetensors writes it: detached, on the CPU, contiguous."""
    return converted(name, tensor.detach(), dtype).cpu().contiguous()
