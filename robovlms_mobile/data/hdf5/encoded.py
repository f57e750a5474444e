"""Frames that a collector kept as pictures, JPEG or PNG, each a row of bytes of its own length."""

import io

import h5py
import numpy as np
from PIL import Image

FORMATS = ("JPEG", "PNG")
MAX_PICTURE = 64 << 20  # bytes of one


def is_encoded(dataset: h5py.Dataset) -> bool:
    """True for rows of bytes of any length, (T,) of variable-length uint8."""
    kind = dataset.id.get_type()
    return dataset.ndim == 1 and kind.get_class() == h5py.h5t.VLEN and kind.get_super().equal(h5py.h5t.STD_U8LE)


def picture_size(dataset: h5py.Dataset) -> tuple[int, int]:
    """Return (height, width) of the first picture, by its header.

    Raises:
        OSError: it is no JPEG or PNG.
    """
    with _opened(dataset[0], 0) as image:
        return image.height, image.width


def picture_planes(dataset: h5py.Dataset, start: int, stop: int, most: int) -> np.ndarray:
    """Decode pictures as colour planes: (3, stop - start, H, W) uint8, red first.

    JPEG has no checksum: bytes that were changed inside a picture may decode to another one.

    Args:
        most: pixels of a side.

    Raises:
        OSError: one does not decode, is of another size than the first, or larger than `most`.
    """
    height, width = picture_size(dataset)
    if max(height, width) > most:
        raise OSError(f"pictures of {width}x{height}, expected {most} pixels a side at most")
    planes = np.empty((3, stop - start, height, width), np.uint8)
    made = _pictures(dataset, range(start, stop), lambda image: np.asarray(image.convert("RGB")))
    for number, picture in enumerate(made):
        planes[:, number] = np.moveaxis(picture, -1, 0)
    return planes


def check_pictures(dataset: h5py.Dataset) -> None:
    """Read all bytes of all pictures, one in memory at a time; of a JPEG no more than an eighth of its size is made.

    Raises:
        OSError: as `picture_planes`.
    """
    for _ in _pictures(dataset, range(len(dataset)), lambda image: (image.draft("RGB", (1, 1)), image.load())):
        pass


def _pictures(dataset, numbers, make):
    """Yield what `make` makes of each opened picture."""
    size = picture_size(dataset)[::-1]
    for number in numbers:
        with _opened(dataset[number], number) as image:
            if image.size != size:
                raise OSError(f"picture {number} is {image.width}x{image.height}, the first {size[0]}x{size[1]}")
            if image.mode.startswith("I"):  # Pillow would cut them to 255, not scale them
                raise OSError(f"picture {number} has 16 bits a pixel, expected 8 a colour")
            try:
                made = make(image)
            except Exception as error:  # Pillow raises nearly anything for damaged bytes
                raise OSError(f"picture {number} does not decode ({error})") from error
        yield made


def _opened(row, number):
    """Return a picture whose header was read."""
    if len(row) > MAX_PICTURE:
        raise OSError(f"picture {number} is of {len(row)} bytes")
    try:
        image = Image.open(io.BytesIO(row.tobytes()), formats=FORMATS)
        if image.format == "PNG":  # whose checksums only this looks at, and takes the image with it
            image.verify()
            image = Image.open(io.BytesIO(row.tobytes()), formats=FORMATS)
        return image
    except Exception as error:  # as above
        raise OSError(f"picture {number} is no {' or '.join(FORMATS)} ({len(row)} bytes)") from error
