"""From camera frames to what a CLIP vision tower reads, bit for bit as upstream's transform, without torchvision."""

from typing import Any

import numpy as np
import torch
from PIL import Image

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


class ImageTransform:
    """A PIL image → (3, size, size) float32: bicubic resize of the whole frame, [0, 1], CLIP's mean and deviation.

    Upstream hands a backbone's transform on to the dataset, so this is also how a run's options get there.

    Args:
        size: pixels across.
        options: the config's `mobile` object.
        seed: the run's.
    """

    def __init__(self, size: int = 224, options: dict | None = None, seed: int = 0):
        self.size = size
        self.options = options or {}
        self.seed = seed

    def __call__(self, image: Image.Image) -> torch.Tensor:
        return normalise(torch.from_numpy(self.resize(image)))

    def resize(self, image: Image.Image) -> np.ndarray:
        """A PIL image → (3, size, size) uint8."""
        resized = image.resize((self.size, self.size), Image.Resampling.BICUBIC).convert("RGB")
        return np.ascontiguousarray(np.moveaxis(np.asarray(resized), -1, 0))


def normalise(pixels: torch.Tensor) -> torch.Tensor:
    """uint8 (…, 3, H, W) → float32 of the same shape, in the order of operations of upstream's transform."""
    # a run in bf16-true has bfloat16 as torch's default
    exact: dict[str, Any] = {"dtype": torch.float32, "device": pixels.device}
    mean = torch.tensor(CLIP_MEAN, **exact).view(3, 1, 1)
    std = torch.tensor(CLIP_STD, **exact).view(3, 1, 1)
    return pixels.to(torch.float32).div(255).sub_(mean).div_(std)
