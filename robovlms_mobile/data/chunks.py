"""Decode a whole image dataset fast: raw gzip chunks and our own assembly where the file allows, else h5py.

The collector's chunks hold one colour of a strip of three frames. HDF5 scatters them into pixels element by element;
kept apart by colour, a chunk's rows are copied whole. Both ways give the same bytes.
"""

import zlib

import numpy as np

try:  # about twice zlib's speed
    from isal import isal_zlib as inflate
except ImportError:
    inflate = zlib

DEFLATE = 1  # HDF5's number for gzip


def read_planes(dataset):
    """Return an HDF5 image dataset (T, H, W, 3) uint8 as colour planes: (3, T, H, W) uint8.

    Raises:
        OSError: a chunk does not inflate to its size.
    """
    if not _is_plain_gzip(dataset):
        return np.moveaxis(dataset[()], -1, 0)
    return _assemble(dataset)


def _is_plain_gzip(dataset):
    """True for uint8 chunks of one colour behind gzip alone, which is what the collector writes."""
    if dataset.chunks is None or dataset.chunks[-1] != 1 or dataset.dtype != np.uint8:
        return False
    filters = dataset.id.get_create_plist()
    return filters.get_nfilters() == 1 and filters.get_filter(0)[0] == DEFLATE and hasattr(dataset.id, "chunk_iter")


def _assemble(dataset):
    frames, height, width, colours = dataset.shape
    planes = np.full((colours, frames, height, width), dataset.fillvalue, np.uint8)
    offsets = []
    dataset.id.chunk_iter(lambda info: offsets.append(info.chunk_offset))
    depth, rows, columns, _ = dataset.chunks
    for t, y, x, colour in offsets:
        skipped_filters, raw = dataset.id.read_direct_chunk((t, y, x, colour))
        chunk = np.frombuffer(raw if skipped_filters else _inflate(raw, depth * rows * columns), np.uint8)
        chunk = chunk.reshape(depth, rows, columns)
        target = planes[colour, t : t + depth, y : y + rows, x : x + columns]
        target[...] = chunk[
            : target.shape[0], : target.shape[1], : target.shape[2]
        ]  # the last ones reach over the edge
    return planes


def _inflate(raw, size):
    """Inflate to exactly `size` bytes, and never to more memory than that."""
    try:
        data = inflate.decompressobj().decompress(raw, size + 1)
    except inflate.error as error:
        raise OSError(f"a chunk does not inflate: {error}") from error
    if len(data) != size:
        raise OSError(f"a chunk inflates to {len(data)} bytes or more, expected {size}")
    return data
