"""From camera frames to what a CLIP vision tower reads, bit for bit as upstream's transform, without torchvision."""

import numpy as np
import torch
from PIL import Image

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


class ImageTransform:
    """A PIL image → (3, size, size) float32: bicubic resize of the whole frame, [0, 1], CLIP's mean and deviation."""

    def __init__(self, size=224):
        self.size = size
        self.mean = torch.tensor(CLIP_MEAN).view(3, 1, 1)
        self.std = torch.tensor(CLIP_STD).view(3, 1, 1)

    def __call__(self, image):
        resized = image.resize((self.size, self.size), Image.Resampling.BICUBIC).convert("RGB")
        pixels = torch.from_numpy(np.array(resized)).permute(2, 0, 1).contiguous()  # (3, size, size) uint8
        return pixels.to(torch.float32).div(255).sub_(self.mean).div_(self.std)

    def stack(self, images):
        """A list of n PIL images → (n, 3, size, size) float32."""
        return torch.stack([self(image) for image in images])


def random_shift(frames, pad):
    """Shift all frames of a window alike, by up to `pad` pixels each way; edges repeat. (W, 3, H, W') → same shape."""
    height, width = frames.shape[-2:]
    top, left = torch.randint(0, 2 * pad + 1, (2,)).tolist()
    padded = torch.nn.functional.pad(frames, (pad, pad, pad, pad), mode="replicate")
    return padded[..., top : top + height, left : left + width]
