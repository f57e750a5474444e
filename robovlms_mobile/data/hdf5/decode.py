"""Decode rows of a dataset in bounded memory: raw chunks, our own filters and assembly.

For datasets that `data.hdf5.guards` has seen. HDF5's own inflate grows its buffer as long as a chunk goes on, and its
assembly goes element by element; rows copied whole are three times as fast for the collector's chunks of one colour.
"""

import zlib

import h5py
import numpy as np

from robovlms_mobile.data.hdf5.encoded import is_encoded, picture_planes
from robovlms_mobile.data.hdf5.guards import DEFLATE, FLETCHER32, LZF, MAX_SIDE, SHUFFLE

try:  # about twice zlib's speed
    from isal import isal_zlib as inflate
except ImportError:
    inflate = zlib  # type: ignore[misc]


def read_planes(dataset: h5py.Dataset, start: int = 0, stop: int | None = None) -> np.ndarray:
    """Decode frames of an image dataset as colour planes: (T, H, W, 3) uint8 → (3, stop - start, H, W) uint8.

    Raises:
        OSError: a chunk is missing or does not decode to its size, or a picture does not decode.
    """
    stop = len(dataset) if stop is None else min(stop, len(dataset))
    if is_encoded(dataset):
        return picture_planes(dataset, start, stop, MAX_SIDE)
    height, width, colours = dataset.shape[1:]
    planes = np.empty((colours, stop - start, height, width), dataset.dtype)
    _fill(np.moveaxis(planes, 0, -1), dataset, start, stop)
    return planes


def read_rows(dataset: h5py.Dataset, start: int = 0, stop: int | None = None) -> np.ndarray:
    """Decode `dataset[start:stop]`: (stop - start, ...) of the dataset's type.

    Raises:
        OSError: a chunk is missing or does not decode to its size.
    """
    stop = len(dataset) if stop is None else min(stop, len(dataset))
    rows = np.empty((stop - start, *dataset.shape[1:]), dataset.dtype)
    _fill(rows, dataset, start, stop)
    return rows


def _fill(rows, dataset, start, stop):
    plist = dataset.id.get_create_plist()
    filters = [plist.get_filter(index)[0] for index in range(plist.get_nfilters())]
    if plist.get_layout() != h5py.h5d.CHUNKED or LZF in filters:
        rows[...] = dataset[start:stop]
        return
    depth, *sides = dataset.chunks
    counts = [-(-length // side) for length, side in zip(dataset.shape[1:], sides, strict=True)]
    for t in range(start - start % depth, stop, depth):
        for place in np.ndindex(*counts):
            corner = (t, *(number * side for number, side in zip(place, sides, strict=True)))
            skipped, raw = dataset.id.read_direct_chunk(corner)
            chunk = _decode(raw, filters, skipped, dataset.chunks, dataset.dtype)
            first, last = max(t, start), min(t + depth, stop)
            beside = tuple(slice(at, at + side) for at, side in zip(corner[1:], sides, strict=True))
            target = rows[(slice(first - start, last - start), *beside)]
            inside = tuple(slice(length) for length in target.shape[1:])  # the last chunks reach over the edge
            target[...] = chunk[(slice(first - t, last - t), *inside)]


def _decode(raw, filters, skipped, shape, dtype):
    """Undo a chunk's filters, last first, but for those its mask says were skipped."""
    size = int(np.prod(shape)) * dtype.itemsize
    for index, number in reversed(list(enumerate(filters))):
        if skipped >> index & 1:
            continue
        if number == FLETCHER32:
            raw = _without_checksum(raw)
        elif number == DEFLATE:
            raw = _inflate(raw, size + 4)  # a checksum may lie inside
        elif number == SHUFFLE:
            raw = np.frombuffer(raw, np.uint8)[:size].reshape(dtype.itemsize, -1).T.tobytes()
    if len(raw) != size:
        raise OSError(f"a chunk is of {len(raw)} bytes, expected {size}")
    return np.frombuffer(raw, dtype).reshape(shape)


def _inflate(raw, most):
    stream = inflate.decompressobj()
    try:
        data = stream.decompress(raw, most + 1)
    except inflate.error as error:
        raise OSError(f"a chunk does not inflate: {error}") from error
    if not stream.eof:  # the stream's own checksum comes last
        raise OSError(f"a chunk is cut off, or inflates to more than {most} bytes")
    return data


def _without_checksum(raw):
    """Return the bytes before the Fletcher-32 at the end, both sums modulo 65535 over big-endian words."""
    data, stored = raw[:-4], int.from_bytes(raw[-4:], "little")
    words = np.frombuffer(bytes(data) + b"\0" * (len(data) % 2), ">u2").astype(np.uint64)
    first = int(words.sum()) % 65535
    second = int((words * (np.arange(len(words), 0, -1, dtype=np.uint64) % 65535)).sum()) % 65535
    if (first, second) != ((stored & 0xFFFF) % 65535, (stored >> 16) % 65535):
        raise OSError("a chunk's checksum does not match")
    return data
