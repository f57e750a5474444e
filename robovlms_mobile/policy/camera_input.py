"""What a camera hands over, as a picture: arrays, PIL images, ROS's encodings, JPEG. Nothing is guessed."""

import io
from typing import Any

import numpy as np
from PIL import Image

from robovlms_mobile.encodings import CHANNELS, COMPRESSED
from robovlms_mobile.errors import PolicyError

MAX_SIDE = 8192  # pixels


def picture(image: Any, encoding: str | None = None, height: Any = None, width: Any = None) -> Image.Image:
    """Return a PIL image of a camera's frame.

    Args:
        image: (H, W, 3) uint8 RGB (or BGR, with the encoding "bgr8"); or a PIL image; or bytes.
        encoding: of bytes: "rgb8", "bgr8" or "mono8" with height and width, rows without padding; "jpeg" or "png".
        height, width: pixels, of uncompressed bytes.

    Raises:
        PolicyError: another type, shape or encoding; too few or too many bytes; a damaged JPEG.
    """
    if isinstance(image, Image.Image):
        found = image
    elif isinstance(image, np.ndarray):
        found = _of_array(image, encoding)
    elif isinstance(image, bytes | bytearray | memoryview):
        found = _of_bytes(bytes(image), encoding, height, width)
    else:
        raise PolicyError(
            f"image is a {type(image).__name__}, expected (H, W, 3) uint8 RGB, a PIL image, or bytes with an encoding."
        )
    if not 0 < min(found.size) <= max(found.size) <= MAX_SIDE:
        raise PolicyError(f"image is {found.width} x {found.height}, expected sides from 1 to {MAX_SIDE} pixels.")
    return found


def _of_array(image, encoding):
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise PolicyError(
            f"image is {image.shape} {image.dtype}, expected (height, width, 3) uint8, red first.",
            "Pixels are 0 to 255, as the camera gives them: the policy scales and normalises them itself.",
        )
    if encoding not in (None, "rgb8", "bgr8"):
        raise PolicyError(f"encoding is {encoding!r} with an array of three channels, expected rgb8 or bgr8.")
    return Image.fromarray(np.ascontiguousarray(image[..., ::-1] if encoding == "bgr8" else image))


def _of_bytes(data, encoding, height, width):
    if encoding in COMPRESSED:
        return _decompressed(data, encoding)
    if encoding not in CHANNELS:
        known = ", ".join((*CHANNELS, *COMPRESSED))
        raise PolicyError(f"encoding is {encoding!r}, expected one of {known}.")
    if type(height) is not int or type(width) is not int or not (0 < height <= MAX_SIDE and 0 < width <= MAX_SIDE):
        raise PolicyError(
            f"height is {height!r} and width {width!r}, expected whole numbers from 1 to {MAX_SIDE} with {encoding}."
        )
    expected = height * width * CHANNELS[encoding]
    if len(data) != expected:
        raise PolicyError(
            f"image has {len(data)} bytes, expected {expected}: {height} x {width} pixels of {CHANNELS[encoding]}."
        )
    pixels = np.frombuffer(data, np.uint8).reshape(height, width, -1)
    if encoding == "mono8":
        pixels = np.repeat(pixels, 3, axis=2)
    return Image.fromarray(np.ascontiguousarray(pixels[..., ::-1] if encoding == "bgr8" else pixels))


def _decompressed(data, encoding):
    try:
        found = Image.open(io.BytesIO(data), formats=[encoding.upper()])
        if max(found.size) > MAX_SIDE:  # before it is unpacked
            raise PolicyError(f"image is {found.width} x {found.height}, expected sides of at most {MAX_SIDE} pixels.")
        found.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise PolicyError(f"image is no readable {encoding} ({str(error)[:120]}; {len(data)} bytes).") from error
    return found.convert("RGB")
