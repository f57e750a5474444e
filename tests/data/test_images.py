"""Pixels are normalised in float32, whatever precision the run trains in."""

import pytest
import torch

from robovlms_mobile.data.images import CLIP_MEAN, CLIP_STD, normalise


@pytest.mark.parametrize("default", [torch.float32, torch.bfloat16, torch.float16])
def test_clips_mean_and_deviation_are_never_rounded(default):
    pixels = torch.arange(256, dtype=torch.uint8).expand(3, 1, 256)
    mean, std = (torch.tensor(value, dtype=torch.float64).view(3, 1, 1) for value in (CLIP_MEAN, CLIP_STD))
    torch.set_default_dtype(default)  # as Lightning does inside a forward pass under bf16-true and 16-true
    try:
        found = normalise(pixels)
    finally:
        torch.set_default_dtype(torch.float32)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), (pixels.double() / 255 - mean) / std, rtol=0, atol=1e-6)
