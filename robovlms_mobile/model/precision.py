"""Precisions of written tensors: their names on the command line, in safetensors and in torch."""

import math
from collections.abc import Iterable

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


def coarsest(dtypes: Iterable[str]) -> str:
    """Return the name of the coarsest precision among safetensors' types: fp32, fp16 or bf16."""
    found = set(dtypes)
    return next((name for name, stored in reversed(STORED.items()) if stored in found), "fp32")


def stored_type(tensor: torch.Tensor) -> str:
    """Return safetensors' name for the precision of a floating-point tensor: F32, F16 or BF16."""
    return next(stored for stored, dtype in TORCH.items() if dtype is tensor.dtype)
