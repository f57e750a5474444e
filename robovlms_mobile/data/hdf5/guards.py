"""Open HDF5 files that nobody vouches for. Structure only: what leads out of the file, or is damaged, is a DataError.

HDF5 follows links and storage into other files, fills in zeros for what was never written, and believes any size a file
declares. Here every step to a dataset is a hard link, its storage is its own, and its chunk index is complete, before
anything is allocated. What crashes the library itself is the business of `data.hdf5.sandbox`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from math import prod
from pathlib import Path

import h5py
import numpy as np

from robovlms_mobile.data.hdf5.encoded import is_encoded
from robovlms_mobile.errors import DataError

MAX_FRAMES = 100_000
MAX_SIDE = 8192  # pixels
MAX_BYTES = 8 << 30  # of a decoded dataset: five minutes of 720p at ten frames a second
MAX_CHUNK = 256 << 20  # bytes of a decoded chunk
MAX_LZF_CHUNK = 4 << 20  # HDF5 decodes these, which may grow 88 times
SLACK = 64  # bytes a stored chunk may be larger than decoded
DEFLATE, SHUFFLE, FLETCHER32, LZF = FILTERS = (1, 2, 3, 32000)  # HDF5's numbers
DAMAGED = (OSError, RuntimeError, LookupError, TypeError, ValueError, ArithmeticError, MemoryError)  # as h5py says it
SIGNATURE = b"\x89HDF\r\n\x1a\n"
HEADS = {0: (13, 24, 40), 1: (13, 28, 44), 2: (9, 12, 28), 3: (9, 12, 28)}  # version → width of, first and last address
SHOWN = 10  # names in a message


@contextmanager
def opened(path: str | Path) -> Iterator[h5py.File]:
    """Open a file for reading: yields `h5py.File`, turns what h5py raises meanwhile into a DataError with its name."""
    path = Path(path)
    if not path.is_file():  # a pipe would wait for ever
        raise DataError(f"{path.name}: not a file")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except DAMAGED as error:
        raise DataError(f"{path.name}: not a readable HDF5 file ({str(error)[:200]})") from error


def check_length(path: str | Path) -> None:
    """Compare a file's length with the one in its first bytes: HDF5 itself minds only what is missing.

    Raises:
        DataError: it is longer, so bytes were put in, or whoever wrote it never closed it.
    """
    path = Path(path)
    with path.open("rb") as file:
        head = file.read(52)
    if head[:8] != SIGNATURE or head[8] not in HEADS:  # not at the file's start: libhdf5 will say
        return
    width, base, end = HEADS[head[8]]
    if head[width] != 8 or head[base : base + 8] != bytes(8):  # addresses of another kind
        return
    declared, actual = int.from_bytes(head[end : end + 8], "little"), path.stat().st_size
    if actual > declared:
        raise DataError(f"{path.name}: {actual - declared} bytes longer than it says: bytes put in, or never closed")


def has(file: h5py.File, key: str) -> bool:
    """True when there is anything at `key`, be it a link that leads nowhere. Follows no link but hard ones."""
    return _step(file, key)[1] is not None


def dataset_at(path: Path, file: h5py.File, key: str) -> h5py.Dataset:
    """Return the dataset at `key`, whose data is all in this file and complete, as far as its index tells.

    Raises:
        DataError: naming the file and what is wrong: absent, a link, a group, stored elsewhere, filtered by something
            else than gzip, lzf, shuffle and fletcher32, larger than any episode, or with chunks missing or misplaced.
    """
    group, link = _step(file, key)
    if link is None:
        names = sorted(ascii(name)[2:-1] if isinstance(name, bytes) else name for name in file)
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        raise DataError(f"{path.name}: no '{key}' in it; it has {[name[:40] for name in names[:SHOWN]]}{more}")
    if link != h5py.h5l.TYPE_HARD:
        kind = "a link to another file" if link == h5py.h5l.TYPE_EXTERNAL else "a soft link"
        raise DataError(f"{path.name}: '{key}' is {kind}, expected the data itself")
    found = h5py.h5o.open(group, _last(key))
    if not isinstance(found, h5py.h5d.DatasetID):
        kind = "a group" if isinstance(found, h5py.h5g.GroupID) else "a type"
        raise DataError(f"{path.name}: '{key}' is {kind}, expected a dataset")
    _check_storage(f"{path.name}: '{key}'", found)
    dataset = h5py.Dataset(found)
    _check_size(f"{path.name}: '{key}'", dataset, path.stat().st_size)
    return dataset


def image_dataset(path: Path, file: h5py.File, key: str) -> h5py.Dataset:
    """Return the dataset of an episode's frames, for `data.hdf5.decode`: uint8 (T, H, W, 3), or (T,) of pictures.

    Raises:
        DataError: as `dataset_at`; also another shape or type, or larger than MAX_FRAMES, MAX_SIDE, MAX_BYTES.
    """
    images = dataset_at(path, file, key)
    if is_encoded(images) and len(images) <= MAX_FRAMES:
        return images
    if images.ndim != 4 or images.shape[-1] != 3 or not _is_type(images, h5py.h5t.STD_U8LE, h5py.h5t.STD_U8BE):
        raise DataError(f"{path.name}: '{key}' is {_what(images)}, expected (T, H, W, 3) uint8, or (T,) of JPEG")
    frames, height, width, _ = images.shape
    if frames > MAX_FRAMES or not 1 <= height <= MAX_SIDE or not 1 <= width <= MAX_SIDE:
        limits = f"1 to {MAX_FRAMES} frames of 1x1 to {MAX_SIDE}x{MAX_SIDE}"
        raise DataError(f"{path.name}: '{key}' declares {images.shape}, expected {limits}")
    _check_sides(path, key, images)
    return images


def action_dataset(path: Path, file: h5py.File, key: str, columns: int) -> h5py.Dataset:
    """Return the dataset of an episode's actions, floating point (T, 1 to columns).

    Raises:
        DataError: as `dataset_at`; also another shape or type.
    """
    actions = dataset_at(path, file, key)
    kinds = [getattr(h5py.h5t, f"IEEE_F{bits}{order}") for bits in (16, 32, 64) for order in ("LE", "BE")]
    if actions.ndim != 2 or not 1 <= actions.shape[1] <= columns or not _is_type(actions, *kinds):
        raise DataError(f"{path.name}: '{key}' is {_what(actions)}, expected (T, {columns}) float32, or fewer columns")
    _check_sides(path, key, actions)
    return actions


def _step(file, key):
    """Return (group, kind of link) for the last part of `key`; the kind is None where it or a part before is absent,
    and that part's own where a part before is no hard link."""
    group = file["/"].id
    *parents, last = key.encode().split(b"/")
    for name in parents:
        if not group.links.exists(name):
            return group, None
        kind = group.links.get_info(name).type
        if kind != h5py.h5l.TYPE_HARD:
            return group, kind
        group = h5py.h5o.open(group, name)
        if not isinstance(group, h5py.h5g.GroupID):
            return group, None
    return group, group.links.get_info(last).type if group.links.exists(last) else None


def _last(key):
    return key.encode().rpartition(b"/")[2]


def _what(dataset):
    return "without data" if dataset.shape is None else f"{dataset.shape} {dataset.dtype}"


def _is_type(dataset, *kinds):
    """Bit by bit the type, as neither numpy's name for it nor its class is."""
    return any(dataset.id.get_type().equal(kind) for kind in kinds)


def _check_storage(what, dataset):
    """Refuse storage outside the file and unknown filters, before the shape is asked for: that would open a source."""
    plist = dataset.get_create_plist()
    if plist.get_layout() == h5py.h5d.VIRTUAL or plist.get_external_count():
        raise DataError(f"{what} keeps its data in other files, expected the data itself")
    numbers = [plist.get_filter(index)[0] for index in range(plist.get_nfilters())]
    if len(set(numbers)) < len(numbers) or not set(numbers) <= set(FILTERS) or {DEFLATE, LZF} <= set(numbers):
        raise DataError(f"{what} passes HDF5 filters {numbers}, expected gzip. Run: h5repack -f GZIP=4 OLD NEW")


def _check_size(what, dataset, file_size):
    """Refuse what no episode needs, and what the file is too small for. Scalars and empty datasets pass."""
    if dataset.shape is None or not dataset.size:
        return
    if dataset.size * dataset.dtype.itemsize > MAX_BYTES:
        raise DataError(f"{what} declares {_what(dataset)}, more than {MAX_BYTES >> 30} GiB")
    layout = dataset.id.get_create_plist().get_layout()
    if layout == h5py.h5d.CHUNKED:
        _check_chunks(what, dataset, file_size)
    elif layout == h5py.h5d.CONTIGUOUS:
        size, start = dataset.size * _stored_size(dataset), dataset.id.get_offset()
        if start is None or dataset.id.get_storage_size() != size or start + size > file_size:
            raise DataError(f"{what} declares {_what(dataset)}, but its data was never or only partly written")


def _stored_size(dataset):
    """Return the bytes an element takes in the file; a text of any length takes a length and an address there."""
    kind = dataset.id.get_type()
    variable = kind.get_class() == h5py.h5t.STRING and kind.is_variable_str()
    return 16 if variable else kind.get_size()


def _check_chunks(what, dataset, file_size):
    """Every chunk there, once, in its place, no larger than decoded, and none on top of another."""
    plist = dataset.id.get_create_plist()
    filters = [plist.get_filter(index) for index in range(plist.get_nfilters())]
    size = prod(dataset.chunks) * _stored_size(dataset)
    lzf = next((values for number, _, values, _ in filters if number == LZF), None)
    if size > MAX_CHUNK or (lzf is not None and (size > MAX_LZF_CHUNK or len(lzf) < 3 or lzf[2] != size)):
        raise DataError(f"{what} has chunks {dataset.chunks}, larger than can be decoded safely")
    expected = prod(-(-length // chunk) for length, chunk in zip(dataset.shape, dataset.chunks, strict=True))
    if expected > file_size:
        raise DataError(f"{what} declares {expected} chunks in a file of {file_size} bytes")
    stored = _stored_chunks(dataset, expected)
    if len(stored) != expected:
        count = f"{len(stored)}" if len(stored) < expected else f"more than {expected}"
        raise DataError(f"{what} has {count} of {expected} chunks: damaged, or the recording was cut off")
    table = np.array([(each.byte_offset, each.size, each.filter_mask) for each in stored], np.uint64).astype(float)
    offsets = np.array([each.chunk_offset for each in stored], np.uint64)
    starts, sizes, masks = table[np.argsort(table[:, 0])].T
    ends = starts + sizes
    placed = not (offsets % np.array(dataset.chunks, np.uint64)).any() and (offsets < dataset.shape).all()
    whole = (
        sizes.min() > 0
        and sizes.max() <= size + SLACK
        and masks.max() < 2 ** len(filters)
        and ends.max() <= file_size
        and (starts[1:] >= ends[:-1]).all()
    )
    if not (placed and whole and len(np.unique(offsets, axis=0)) == expected):
        raise DataError(f"{what} has a damaged index: chunks out of place, on top of one another, or too large")


def _stored_chunks(dataset, expected):
    """Return the index's entries, at most one more than `expected`."""
    if not hasattr(dataset.id, "chunk_iter"):  # HDF5 before 1.14, where going by number takes a walk each
        if dataset.id.get_num_chunks() != expected:
            return [None] * min(dataset.id.get_num_chunks(), expected + 1)
        corners = product(*(range(0, *pair) for pair in zip(dataset.shape, dataset.chunks, strict=True)))
        found = [dataset.id.get_chunk_info_by_coord(corner) for corner in corners]
        return [each for each in found if each.byte_offset is not None]
    stored = []
    dataset.id.chunk_iter(lambda info: stored.append(info) if len(stored) <= expected else True)
    return stored


def _check_sides(path, key, dataset):
    """A dataset may grow along its first axis; elsewhere the size it was made for is stored too, and agrees."""
    made = dataset.maxshape[1:]
    if any(most not in (None, now) for most, now in zip(made, dataset.shape[1:], strict=True)):
        raise DataError(f"{path.name}: '{key}' is {dataset.shape}, but was made for (T, {', '.join(map(str, made))})")
