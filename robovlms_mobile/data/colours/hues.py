"""What pictures say about the order of their colours: log-likelihood ratios, above 0 for RGB, below for BGR.

Swapping red and blue turns the sign of all of them, and grey pictures give none. Where the numbers come from: REDNESS,
WOOD and SPREAD were fitted on 56 photographed scenes, 16 of them rooms (the sign was right in 44, and in all 16, each
left out of its own fit); no robot's data was there. NAMED, FLOOR and the limits are judgement, so priors.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from robovlms_mobile.data.episodes import Episode
from robovlms_mobile.data.hdf5.encoded import is_encoded
from robovlms_mobile.data.hdf5.frames import read_frames
from robovlms_mobile.data.hdf5.guards import image_dataset, opened

SIZE = (96, 54)  # pixels in which a picture is looked at
REDNESS, WOOD, SPREAD = 2.25, 0.32, 1.2  # fitted weights, and how much scenes differ from one another by them
BROWN = (15, 50)  # degrees of hue of wood, cardboard, skin and brick
NAMED = 1.0
HUES = {
    "red": (345, 15),
    "빨간": (345, 15),
    "orange": (15, 45),
    "yellow": (45, 75),
    "blue": (210, 255),
    "파란": (210, 255),
}
RARE, SCARCE = 0.01, 0.002  # shares of a picture below which a hue is as good as absent: a surface's, a thing's
COLOURED, VIVID, DIM = 40, 90, 40  # saturation of a surface's and of a thing's colour, brightness; of 255
FLOOR = 0.08  # redness by which one room looks unlike another
FREEDOM = 3  # of Student's t: how little an odd picture counts
LIMIT = 4.0  # of one kind of evidence, so that no kind is more than 98 % sure
TRACED, GAP = 500, 0.2  # pixels that a trace needs; the two readings differ by up to 0.07 without one, by 0.7 with
FULL = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))  # JPEG: RGB → Y, Cb, Cr
VIDEO = np.array(FULL) * ((219 / 255,), (224 / 255,), (224 / 255,))  # as YUYV and NV12 have it


@dataclass(frozen=True)
class Look:
    """What a few frames of one episode look like, read as the file has them, or as it says.

    Attributes:
        usual: how much likelier the colours of surfaces are so than swapped.
        redness: (3,) red minus blue of the top, middle and bottom third, as a part of the brightness.
        named: how much more there is of the colours that the instruction names than of their swapped ones.
        trace: that of the camera's YCbCr, from 1 for RGB to -1.
    """

    usual: float
    redness: np.ndarray
    named: float
    trace: float


def look_at(episode: Episode, text: str = "") -> Look:
    """Look at the first frame of an episode and one further on.

    Args:
        text: what the robot is told.

    Raises:
        DataError: as `data.hdf5.frames.read_frames`.
    """
    with opened(episode.path) as file:
        raw = not is_encoded(image_dataset(episode.path, file, episode.images_key))
    frames = [read_frames(episode, [number])[0] for number in {0, 2 * episode.length // 3}]
    return seen(frames, text, raw)


def seen(frames: Sequence[np.ndarray], text: str = "", raw: bool = True) -> Look:
    """Return the Look of frames.

    Args:
        frames: (H, W, 3) uint8 each.
        raw: the pixels are the camera's own, not a picture file's, whose YCbCr says nothing of what it was made from.
    """
    told = [hues for word, hues in HUES.items() if word in text.lower()]
    small = [Image.fromarray(np.ascontiguousarray(each)).resize(SIZE, Image.Resampling.BOX) for each in frames]
    return Look(
        float(np.mean([_usual(each) for each in small])),
        np.mean([_redness(each) for each in small], axis=0),
        float(np.mean([sum(_more(each, hues, VIVID, SCARCE) for hues in told) for each in small])),
        float(np.mean([_trace(each[::4, ::4]) for each in frames])) if raw else 0.0,
    )


def scenes(looks: Sequence[Look]) -> float:
    """How many scenes episodes are worth: one where all look alike, as many as there are where each is elsewhere."""
    apart = np.var([each.usual for each in looks]) / SPREAD**2
    return 1 + (len(looks) - 1) * min(1.0, float(apart))


def ratios(looks: Sequence[Look], told: Sequence[Look] = ()) -> dict[str, float]:
    """Return what every kind of evidence says of episodes of one source, ± LIMIT each.

    Args:
        looks: of the source, at least one.
        told: of episodes of the same folder whose files say what their colours are.
    """
    count = scenes(looks)
    trace = float(np.mean([each.trace for each in looks]))
    found = {
        "usual colours": count * float(np.mean([each.usual for each in looks])),
        "colours named": NAMED * float(np.mean([each.named for each in looks])),
        "camera's YCbCr": 2 * LIMIT * trace if abs(trace) > GAP else 0.0,
        "files that say": count * _nearer(looks, told) if told else 0.0,
    }
    return {kind: float(np.clip(value, -LIMIT, LIMIT)) for kind, value in found.items()}


def _usual(picture):
    rgb = np.asarray(picture, float)
    redness = np.clip((rgb[..., 0] - rgb[..., 2]).mean() / max(rgb.mean(), 1), -0.5, 0.5)
    return REDNESS * redness + WOOD * _more(picture, BROWN, COLOURED, RARE)


def _redness(picture):
    rows = np.asarray(picture, float).reshape(3, -1, 3)
    return (rows[..., 0] - rows[..., 2]).mean(1) / max(rows.mean(), 1)


def _more(picture, hues, saturated, least):
    """Log of how much more of a picture has hues than has what they are with red and blue swapped."""
    hue, saturation, value = np.moveaxis(np.asarray(picture.convert("HSV"), float), -1, 0)
    there = (saturation > saturated) & (value > DIM)
    low, high = hues
    swapped = (240 - high, 240 - low)
    shares = [(there & ((hue * 360 / 256 - lo) % 360 < (hi - lo) % 360)).mean() for lo, hi in (hues, swapped)]
    return float(np.log((shares[0] + least) / (shares[1] + least)))


def _trace(frame):
    """Where a camera's or a JPEG's YCbCr of 8 bits was made RGB, one reading goes there and back unchanged.

    Returns the share of pixels that do so as RGB, less those that do as BGR. What was swapped before it was compressed,
    and then unpacked, deceives this.
    """
    pixels = frame.reshape(-1, 3)
    coloured = (np.ptp(pixels, axis=1) > 8) & (pixels.min(1) > 2) & (pixels.max(1) < 253)
    if coloured.sum() < TRACED:
        return 0.0
    pixels = pixels[coloured].astype(float)
    found = [_kept(pixels, np.array(to)) - _kept(pixels[:, ::-1], np.array(to)) for to in (FULL, VIDEO)]
    return max(found, key=abs)


def _kept(pixels, to):
    back = np.rint(np.rint(pixels @ to.T) @ np.linalg.inv(to).T)
    return float((back == pixels).all(1).mean())


def _nearer(looks, told):
    """How much nearer the episodes are to told ones as they are than swapped."""
    known = np.array([each.redness for each in told])
    middle = np.median(known, axis=0)
    spread = np.maximum(1.48 * np.median(np.abs(known - middle), axis=0), FLOOR)
    own = np.array([each.redness for each in looks])
    same, swapped = ((((sign * own - middle) / spread) ** 2).mean(1) for sign in (1, -1))
    return float(np.mean((FREEDOM + 1) / 2 * np.log((FREEDOM + swapped) / (FREEDOM + same))))
