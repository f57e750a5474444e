"""Damage copies of episode files in every way a disk, a cable or a person can. For tests of whatever reads episodes.

Numbered: the same number gives the same damage. Bytes are damaged mostly outside the pixels, which make up nearly all
of a file and are guarded by zlib's own checksum.
"""

import functools
import os
import struct
import zlib
from pathlib import Path

import h5py
import numpy as np

IMAGES = ("images", "observations/images")
TEXT = h5py.string_dtype("utf-8")
NOTED = (
    *("timestamps", "action_classes", "action_event_types", "action_names", "scenario", "color_order", "mode"),
    *("total_duration", "action_shift", "session", "collection_datetime", "cx_path"),
)
ODD = {
    "nothing": h5py.Empty("f4"),
    "a number": 3,
    "not a number": np.nan,
    "infinity": -np.inf,
    "a huge number": 2**63,
    "many numbers": np.arange(1000.0),
    "a matrix": np.zeros((2, 3)),
    "a long text": "left " * 5000,
    "no text": "",
    "bytes that are no text": np.void(b"\xff\x00\xfe"),
    "other bytes": np.bytes_(b"\xff\xfe"),
    "texts": np.array(["linear_x", "up", "☂"], TEXT),
    "a mixture": np.array([(1, 2.0)], [("one", int), ("other", float)]),
    "truth": True,
}


def damage(source, target, number):
    """Write a damaged copy of one episode file.

    Args:
        source: a good file.
        target: where the copy goes; its folder also gets what links out of it point to.
        number: which damage.

    Returns:
        str: what was done.
    """
    rng = np.random.default_rng(number)
    kinds = BYTES if number % 2 else STRUCTURE
    name = list(kinds)[number // 2 % len(kinds)]
    content = bytearray(Path(source).read_bytes())
    target = Path(target)
    if kinds is BYTES:
        target.write_bytes(kinds[name](content, _outside_pixels(source), rng))
        return name
    target.write_bytes(content)
    with h5py.File(target, "r+") as file:
        kinds[name](file, rng)
    return name


def odd_notes(source, target, number):
    """Write a copy of one episode file with something odd among what its collector noted. Returns what: str."""
    rng = np.random.default_rng(number)
    target.write_bytes(Path(source).read_bytes())
    with h5py.File(target, "r+") as file:
        places = [*file.attrs, *NOTED]
        place = places[rng.integers(len(places))]
        odd = list(ODD)[rng.integers(len(ODD))]
        value = ODD[odd]
        if place in file.attrs or rng.integers(2):
            file.attrs[place] = value
        else:
            if place in file:
                del file[place]
            file[place] = value
    return f"{odd} as a note"


def _outside_pixels(path):
    """Return the positions of the bytes that are no pixels."""
    with h5py.File(path) as file:
        images = next(file[key] for key in IMAGES if key in file)
        if images.chunks is None:  # pictures lie in the file's heap
            return np.arange(os.path.getsize(path))
        inside = np.zeros(os.path.getsize(path), bool)
        for index in range(images.id.get_num_chunks()):
            info = images.id.get_chunk_info(index)
            inside[info.byte_offset : info.byte_offset + info.size] = True
    return np.flatnonzero(~inside)


def _flip(count):
    def flip(content, outside, rng):
        for place in rng.choice(outside, count):
            content[place] ^= 1 << int(rng.integers(8))
        return content

    return flip


def _flip_pixels(content, outside, rng):
    content[int(rng.integers(len(content)))] ^= 1 << int(rng.integers(8))
    return content


def _overwrite(content, outside, rng):
    place, count = int(rng.choice(outside)), int(rng.choice([1, 2, 4, 8, 512]))
    content[place : place + count] = bytes([int(rng.choice([0, 1, 127, 128, 255]))]) * len(
        content[place : place + count]
    )
    return content


def _truncate(content, outside, rng):
    return content[: int(rng.integers(len(content)))]


def _cut_out(content, outside, rng):
    place = int(rng.choice(outside))
    del content[place : place + int(rng.integers(1, 64))]
    return content


def _insert(content, outside, rng):
    place = int(rng.choice(outside))
    content[place:place] = rng.bytes(int(rng.integers(1, 64)))
    return content


def _swap_blocks(content, outside, rng):
    one, other = sorted(int(place) // 512 * 512 for place in rng.choice(outside, 2))
    content[one : one + 512], content[other : other + 512] = content[other : other + 512], content[one : one + 512]
    return content


def _point(content, outside, rng):
    """A pointer or a size becomes another plausible one."""
    place = int(rng.choice(outside)) // 8 * 8
    value = int(rng.choice(np.array([0, place, 96, len(content), 1 << 20, 1 << 33, 1 << 40, 1 << 63], np.uint64)))
    content[place : place + 8] = struct.pack("<Q", value)
    return content


def _loop(content, outside, rng):
    """A tree of the index that contains itself, which no level says."""
    trees = [place for place in range(0, len(content) - 64) if content[place : place + 4] == b"TREE"]
    if not trees:  # the newer format has no such trees
        return _point(content, outside, rng)
    place = int(rng.choice(trees))
    child = place + 24 + (8 if content[place + 4] == 0 else 48)
    content[place + 5] = max(1, content[place + 5])
    content[child : child + 8] = struct.pack("<Q", place)
    return content


BYTES = {
    "one bit": _flip(1),
    "bits": _flip(12),
    "a bit anywhere": _flip_pixels,
    "truncated": _truncate,
    "overwritten": _overwrite,
    "bytes cut out": _cut_out,
    "bytes inserted": _insert,
    "blocks swapped": _swap_blocks,
    "pointer": _point,
    "loop in a tree": _loop,
}


def _put(file, key, data=None, **options):
    """Replace whatever is at `key`."""
    if key in file:
        del file[key]
    return file.create_dataset(key, data=data, **options)


def _key(rng):
    return str(rng.choice(["images", "actions", "language_instruction", "action_event_types"]))


def _wrong_type(file, rng):
    types = ["i8", "f4", ">f8", "f2", "c8", "u2", "i1", "?", "S4", "V3", [("a", "f4"), ("b", "u1", 3)]]
    types += [h5py.ref_dtype, h5py.vlen_dtype(np.float32), TEXT, h5py.enum_dtype({"off": 0, "on": 1}, basetype="u1")]
    shapes = [(18, 3), (18, 36, 64, 3), (18,), (), (0, 3), (18, 0, 64, 3), (18, 4), (3, 18), (1, 1, 1, 18, 3)]
    kind, shape = types[rng.integers(len(types))], shapes[rng.integers(len(shapes))]
    _put(file, _key(rng), shape=shape, dtype=kind)


def _empty(file, rng):
    _put(file, _key(rng), h5py.Empty(str(rng.choice(["f4", "u1", "S3"]))))


def _huge(file, rng):
    shapes = {
        "images": [(100_001, 8, 8, 3), (18, 8193, 8, 3), (2**40, 720, 1280, 3), (18, 2**30, 2**30, 3)],
        "actions": [(2**40, 3), (100_001, 3), (2**60, 3)],
        "language_instruction": [(2**40,), (2**30, 2**30)],
        "action_event_types": [(2**40,)],
    }
    key = _key(rng)
    shape = shapes[key][rng.integers(len(shapes[key]))]
    kind = {"images": "u1", "actions": "f4"}.get(key, TEXT)
    ways = [{}, {"chunks": True, "compression": "gzip"}, {"maxshape": (None, *shape[1:]), "chunks": True}]
    _put(file, key, shape=shape, dtype=kind, **ways[rng.integers(len(ways))])


def _unequal(file, rng):
    _put(file, "actions", np.zeros((int(rng.integers(0, 17)), 3), "f4"))


def _not_finite(file, rng):
    value = rng.choice([np.nan, np.inf, -np.inf, 1e30, -101.0])
    file["actions"][int(rng.integers(18)), int(rng.integers(3))] = value


def _soft_cycle(file, rng):
    key = _key(rng)
    if key in file:
        del file[key]
    file[key] = h5py.SoftLink(str(rng.choice([f"/{key}", "/other", "/observations", "/"])))
    file["other"] = h5py.SoftLink(f"/{key}")


def _hard_cycle(file, rng):
    key = _key(rng)
    if key in file:
        del file[key]
    file[key] = file["/"]
    loop = file.create_group("loop")
    loop["loop"] = loop


def _canary(file, rng):
    """Name of a file beside the episode that must not be opened: a pipe, which would hang, or other data."""
    folder = Path(file.filename).parent
    pipe, other = folder / "canary.fifo", folder / "canary.bin"
    if not pipe.exists():
        os.mkfifo(pipe)
        with h5py.File(other, "w") as written:
            written["images"], written["actions"] = np.full((18, 36, 64, 3), 99, np.uint8), np.full((18, 3), 99, "f4")
    return str(rng.choice([pipe.name, other.name, str(pipe), str(other), "/etc/hostname", "../canary.fifo"]))


def _external_link(file, rng):
    key = _key(rng)
    if key in file:
        del file[key]
    file[key] = h5py.ExternalLink(_canary(file, rng), f"/{key}")


def _external_group(file, rng):
    for key in IMAGES:
        if key in file:
            del file[key]
    if "observations" in file:
        del file["observations"]
    file["observations"] = h5py.ExternalLink(_canary(file, rng), "/")


def _external_storage(file, rng):
    key = str(rng.choice(["images", "actions"]))
    shape, kind = ((18, 36, 64, 3), "u1") if key == "images" else ((18, 3), "f4")
    _put(file, key, shape=shape, dtype=kind, external=[(_canary(file, rng), 0, h5py.h5f.UNLIMITED)])


def _virtual(file, rng):
    key = str(rng.choice(["images", "actions"]))
    shape, kind = ((18, 36, 64, 3), "u1") if key == "images" else ((18, 3), "f4")
    layout = h5py.VirtualLayout(shape, kind)
    layout[:] = h5py.VirtualSource(_canary(file, rng), key, shape=shape)
    if key in file:
        del file[key]
    file.create_virtual_dataset(key, layout)


def _encoded(file, rng):
    text = str(rng.choice(["컵까지 가세요", "Fahr über die Brücke"]))
    encoding = str(rng.choice(["euc-kr", "utf-16", "latin-1", "utf-8"]))
    data = text.encode(encoding, "replace")
    key = str(rng.choice(["language_instruction", "action_event_types"]))
    if rng.random() < 0.5:
        _put(file, key, np.array([data]))
    else:
        _put(file, key, [data.replace(b"\0", b"")], dtype=TEXT)
    file.attrs["episode_name"] = np.bytes_(data)


def _long_text(file, rng):
    text = ["x" * int(rng.choice([5000, 1_000_000]))] * int(rng.choice([1, 30]))
    _put(file, "language_instruction", text, dtype=TEXT)


def _missing_filter(file, rng):
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((3, 9, 16, 1))
    plist.set_filter(int(rng.choice([305, 32001, 32015, 32026])), h5py.h5z.FLAG_OPTIONAL, (1, 2, 3))
    if "images" in file:
        del file["images"]
    space = h5py.h5s.create_simple((18, 36, 64, 3))
    images = h5py.Dataset(h5py.h5d.create(file.id, b"images", h5py.h5t.STD_U8LE, space, plist))
    images[...] = 1


def _bomb(file, rng):
    """A chunk that inflates to far more than it declares."""
    key, size = [("images", 1 << 20), ("images", 300 << 20), ("actions", 4 << 20)][rng.integers(3)]
    shape, kind = ((18, 36, 64, 3), "u1") if key == "images" else ((18, 3), "f4")
    bombed = _put(file, key, shape=shape, dtype=kind, chunks=shape, compression="gzip")
    bombed.id.write_direct_chunk((0,) * len(shape), _zeros(size))


@functools.cache
def _zeros(size):
    return zlib.compress(bytes(size), 9)


def _bad_chunk(file, rng):
    images = _put(file, "images", np.ones((18, 36, 64, 3), "u1"), chunks=(3, 9, 16, 1), compression="gzip")
    raw = rng.bytes(40) if rng.random() < 0.5 else zlib.compress(bytes(int(rng.choice([1, 431, 433]))))
    images.id.write_direct_chunk((3, 9, 16, 1), raw, int(rng.choice([0, 1, 2, 0xFFFFFFFF])))


def _missing_chunks(file, rng):
    images = _put(file, "images", shape=(18, 36, 64, 3), dtype="u1", chunks=(3, 9, 16, 1), compression="gzip")
    images[: int(rng.integers(0, 15))] = 7


def _odd_attributes(file, rng):
    values = [np.zeros(1000), np.array([1, 2]), file.ref, "no number", np.nan, -1, h5py.Empty("f4"), b"\xff\xfe", 2**63]
    for name in ("num_frames", "total_duration", "action_chunk_size", "episode_name", "obstacle_layout_type"):
        file.attrs[name] = values[rng.integers(len(values))]


def _odd_names(file, rng):
    key = next(key for key in IMAGES if key in file)
    name = [b"\xff\xfe\xfd", b"images ", b"a" * 5000][rng.integers(3)]
    file.id.links.move(key.encode(), file.id, name)
    for index in range(int(rng.choice([0, 3, 500]))):
        file.create_group(f"g{index}")


STRUCTURE = {
    "another type or shape": _wrong_type,
    "no data at all": _empty,
    "a huge shape": _huge,
    "unequal lengths": _unequal,
    "not finite": _not_finite,
    "soft links in a circle": _soft_cycle,
    "hard links in a circle": _hard_cycle,
    "a link to another file": _external_link,
    "a group in another file": _external_group,
    "storage in another file": _external_storage,
    "a virtual dataset": _virtual,
    "another encoding": _encoded,
    "a long text": _long_text,
    "an unknown filter": _missing_filter,
    "a bomb": _bomb,
    "a bad chunk": _bad_chunk,
    "missing chunks": _missing_chunks,
    "odd attributes": _odd_attributes,
    "odd names": _odd_names,
}
