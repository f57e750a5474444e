"""Rows decoded in bounded memory are what h5py reads, and damaged chunks are errors."""

import zlib

import h5py
import numpy as np
import pytest

from robovlms_mobile.data.hdf5.decode import read_planes, read_rows

STORAGE = {
    "the collector's": {"compression": "gzip"},
    "one chunk": {"compression": "gzip", "chunks": (18, 37, 65, 3)},
    "over every edge": {"compression": "gzip", "chunks": (5, 7, 9, 1)},
    "shuffled": {"compression": "gzip", "shuffle": True},
    "with checksums": {"compression": "gzip", "fletcher32": True},
    "checksums alone, of odd length": {"fletcher32": True, "chunks": (5, 7, 9, 1)},
    "lzf": {"compression": "lzf"},
    "growing": {"compression": "gzip", "maxshape": (None, 37, 65, 3), "chunks": (20, 37, 65, 3)},
    "plain": {},
}


@pytest.mark.parametrize("case", STORAGE)
@pytest.mark.parametrize("kind", ["u1", ">f4", "<f8"])
def test_rows_are_what_h5py_reads(tmp_path, case, kind):
    rng = np.random.default_rng(0)
    values = rng.integers(0, 255, (18, 37, 65, 3)).astype(kind)
    values[:9] //= 100  # compresses; the other half does not, and is stored as it is
    with h5py.File(tmp_path / "e.h5", "w") as file:
        dataset = file.create_dataset("images", data=values, **STORAGE[case])
        for start, stop in ((0, None), (0, 1), (4, 8), (17, 40)):
            np.testing.assert_array_equal(read_rows(dataset, start, stop), values[start:stop])
            np.testing.assert_array_equal(np.moveaxis(read_planes(dataset, start, stop), 0, -1), values[start:stop])


RAW = {
    "no deflate stream": b"nonsense",
    "cut off": zlib.compress(bytes(range(256)) * 20)[:-8],
    "too short": zlib.compress(bytes(3)),
    "a bomb": zlib.compress(bytes(50_000_000)),
    "a flipped checksum": zlib.compress(bytes(3 * 4 * 6 * 3))[:-1] + b"\x55",
}


@pytest.mark.parametrize("case", RAW)
def test_a_damaged_chunk_is_an_error(tmp_path, case):
    with h5py.File(tmp_path / "e.h5", "w") as file:
        data = np.ones((9, 4, 6, 3), np.uint8)
        dataset = file.create_dataset("images", data=data, chunks=(3, 4, 6, 3), compression="gzip")
        dataset.id.write_direct_chunk((3, 0, 0, 0), RAW[case])
        assert (read_rows(dataset, 0, 3) == 1).all()
        with pytest.raises(OSError, match="a chunk"):
            read_rows(dataset, 2, 4)


def test_a_wrong_checksum_is_an_error(tmp_path):
    with h5py.File(tmp_path / "e.h5", "w") as file:
        data = np.ones((3, 4, 6, 3), np.uint8)
        dataset = file.create_dataset("images", data=data, chunks=(3, 4, 6, 3), fletcher32=True)
        raw = bytearray(dataset.id.read_direct_chunk((0, 0, 0, 0))[1])
        raw[10] ^= 4
        dataset.id.write_direct_chunk((0, 0, 0, 0), bytes(raw))
        with pytest.raises(OSError, match="checksum does not match"):
            read_rows(dataset)
