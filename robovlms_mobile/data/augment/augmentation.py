"""Vary training windows without changing what they teach: mirror, crop, jitter, shift, alike for all frames of one.

Everything is drawn from a generator that depends on the run's seed, the epoch and the sample alone, so neither the
number of workers nor an interruption changes what a run sees.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import interpolate

from robovlms_mobile.data.augment.mirror import mirror_actions, mirror_instruction
from robovlms_mobile.data.block import AUGMENT_KEYS, JITTER, RULES, Block
from robovlms_mobile.data.names import check_values
from robovlms_mobile.errors import ConfigError
from robovlms_mobile.seeds import generator_of

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
DRAWS = 10  # numbers a sample uses, always all of them: an option switched on leaves the others' draws alone


@dataclass(frozen=True)
class Augmentation:
    """What a dataset block asks for. All off by default.

    Attributes:
        mirror: probability of mirroring a window: pixels, linear_y, angular_z, and left and right in the instruction.
        color_jitter: strength v, or {"brightness", "contrast", "saturation", "hue": v}: factors from 1 − v to 1 + v,
            hue turned by up to v of a circle. A single number leaves the hue alone.
        random_crop: smallest part of each side that is kept and resized back, or (smallest, largest).
        rgb_pad: pixels of a shift each way, edges repeated.

    Raises:
        ConfigError: values outside their range, all of them.
    """

    mirror: float = 0.0
    color_jitter: float | dict = 0.0
    random_crop: float | tuple = 1.0
    rgb_pad: int = 0

    def __post_init__(self):
        check_values(vars(self), RULES, "dataset block")

    @property
    def active(self) -> bool:
        """True when something is switched on."""
        return bool(self.mirror or self.rgb_pad or self.crop[0] < 1 or any(self.jitter.values()))

    @property
    def jitter(self) -> dict[str, float]:
        """Strengths by name, 0 where not given: dict."""
        given = self.color_jitter
        if not isinstance(given, dict):
            given = dict.fromkeys(("brightness", "contrast", "saturation"), given)
        return dict.fromkeys(JITTER, 0.0) | given

    @property
    def crop(self) -> tuple[float, float]:
        """(smallest, largest) part of a side that a crop keeps."""
        return tuple(self.random_crop) if isinstance(self.random_crop, list | tuple) else (self.random_crop, 1.0)

    def apply(
        self,
        frames: torch.Tensor,
        actions: np.ndarray,
        instruction: str,
        generator: torch.Generator,
        scenario: str | None = None,
    ) -> tuple[torch.Tensor, np.ndarray, str]:
        """Return one variant of a window.

        Args:
            frames: (W, 3, H, W') uint8, RGB.
            actions: (T, 3) m/s, m/s, rad/s as recorded, before they are encoded.
            instruction: what the policy is told.
            generator: torch.Generator of the sample, see `robovlms_mobile.seeds`.
            scenario: the episode's; see `mirror_instruction` for when a window is not mirrored.

        Returns:
            (frames, actions, instruction) of the same shapes and types; the arguments are left as they are.
        """
        mirror, *crop, brightness, contrast, saturation, hue, down, right = torch.rand(
            DRAWS, generator=generator, dtype=torch.float64
        ).tolist()
        told = mirror_instruction(instruction, scenario) if mirror < self.mirror else None
        if told is not None:
            frames, actions, instruction = frames.flip(-1), mirror_actions(actions), told
        if self.crop[0] < 1:
            frames = _crop(frames, self.crop, *crop)
        if any(self.jitter.values()):
            draws = dict(zip(JITTER, (brightness, contrast, saturation, hue), strict=True))
            frames = _jitter(frames, {name: self.jitter[name] * (2 * draw - 1) for name, draw in draws.items()})
        if self.rgb_pad:
            frames = _shift(
                frames, *(math.floor(draw * (2 * self.rgb_pad + 1)) - self.rgb_pad for draw in (down, right))
            )
        return frames, actions, instruction


def augmentation_of(block: Block, foreign: bool) -> Augmentation | None:
    """Return what a dataset block asks for, or None when all of it is off.

    Args:
        foreign: True where frames are not the uint8 of the plugin's own image transform.

    Raises:
        ConfigError: foreign frames that are to be cropped or coloured.
    """
    augmentation = Augmentation(**{name: getattr(block, name) for name in AUGMENT_KEYS})
    if foreign and (augmentation.crop[0] < 1 or any(augmentation.jitter.values())):
        raise ConfigError("random_crop and color_jitter need the plugin's own image transform, not this backbone's.")
    return augmentation if augmentation.active else None


def augmentation_sheet(
    frames: torch.Tensor, augmentation: Augmentation, seed: int = 0, columns: int = 4, rows: int = 3, gap: int = 4
) -> np.ndarray:
    """Draw what an augmentation does: the first frame of a window as it is, and its variants after it.

    Args:
        frames: (W, 3, H, W') uint8, RGB.
        augmentation: an `Augmentation`.
        seed: as of a run; the variants are those of samples 1, 2, … in its first epoch.
        columns, rows: tiles; 12 are the original and 11 variants.
        gap: white pixels between tiles.

    Returns:
        (rows (H + gap) − gap, columns (W' + gap) − gap, 3) uint8 numpy array.
    """
    first = frames[:1]
    still = torch.zeros(1, 3).numpy()
    tiles = [first[0]] + [
        augmentation.apply(first, still, "", generator_of(seed, 0, index))[0][0] for index in range(1, columns * rows)
    ]
    height, width = first.shape[-2:]
    sheet = torch.full((3, rows * (height + gap) - gap, columns * (width + gap) - gap), 255, dtype=torch.uint8)
    for number, tile in enumerate(tiles):
        top, left = number // columns * (height + gap), number % columns * (width + gap)
        sheet[:, top : top + height, left : left + width] = tile
    return sheet.permute(1, 2, 0).contiguous().numpy()


def _crop(frames, ends, size, down, right):
    """Cut the same part out of every frame, keep its proportions, resize it back: bicubic with antialiasing."""
    height, width = frames.shape[-2:]
    part = ends[0] + size * (ends[1] - ends[0])
    rows, columns = max(1, round(height * part)), max(1, round(width * part))
    top, left = round(down * (height - rows)), round(right * (width - columns))
    cut = frames[..., top : top + rows, left : left + columns].to(torch.float32)
    back = interpolate(cut, (height, width), mode="bicubic", align_corners=False, antialias=True)
    return back.round_().clamp_(0, 255).to(torch.uint8)


def _jitter(frames, change):
    """Brightness, then contrast around the window's mean grey, saturation and hue: one linear map, clamped once."""
    bright, contrast, saturation = (1 + change[name] for name in ("brightness", "contrast", "saturation"))
    luma = torch.tensor(LUMA)
    grey = luma.expand(3, 3)  # RGB → its luma in all three
    colour = _hue(change["hue"]) @ (saturation * torch.eye(3) + (1 - saturation) * grey)
    pixels = frames.to(torch.float32)
    middle = bright * (pixels.mean((0, 2, 3)) @ luma)
    moved = torch.einsum("ij,wjhk->wihk", colour * bright * contrast, pixels) + (1 - contrast) * middle
    return moved.round_().clamp_(0, 255).to(torch.uint8)


def _hue(turns):
    """(3, 3): turn the chroma plane of YIQ by `turns` of a circle; luma and greys stay."""
    to_yiq = torch.tensor([LUMA, (0.595716, -0.274453, -0.321263), (0.211456, -0.522591, 0.311135)])
    cos, sin = math.cos(2 * math.pi * turns), math.sin(2 * math.pi * turns)
    turn = torch.tensor([(1, 0, 0), (0, cos, -sin), (0, sin, cos)])
    return torch.linalg.inv(to_yiq) @ turn @ to_yiq


def _shift(frames, down, right):
    height, width = frames.shape[-2:]
    rows = (torch.arange(height) + down).clamp_(0, height - 1)
    columns = (torch.arange(width) + right).clamp_(0, width - 1)
    return frames.index_select(-2, rows).index_select(-1, columns)
