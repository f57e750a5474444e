"""Frames kept as JPEG or PNG: read as Pillow reads them, or refused by the file's name."""

import io

import h5py
import numpy as np
import pytest
from PIL import Image

from robovlms_mobile.data.frame_store.build import build
from robovlms_mobile.data.frame_store.store import FrameStore
from robovlms_mobile.data.hdf5.episode_file import read_episode
from robovlms_mobile.data.hdf5.frames import each_frame, read_frames
from robovlms_mobile.errors import DataError

NAME = "episode_20260614_151440_1box_hori_right_core_medium.h5"
FRAMES, WIDTH, HEIGHT = 9, 48, 32
BYTES = h5py.vlen_dtype(np.uint8)


def picture(number, size=(WIDTH, HEIGHT), form="JPEG"):
    """Return a picture's bytes: blocks of colours, other ones for each number."""
    blocks = np.random.default_rng(number).integers(0, 256, (4, 6, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(blocks).resize(size, Image.Resampling.NEAREST).save(buffer, form, quality=90)
    return np.frombuffer(buffer.getvalue(), np.uint8)


def write(path, pictures, key="images", **options):
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset(key, (len(pictures),), BYTES, **options)
        for index, each in enumerate(pictures):
            dataset[index] = each
        file["actions"] = np.full((len(pictures), 3), 0.5, np.float32)
    return path


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
@pytest.mark.parametrize("key", ["images", "observations/images"])
@pytest.mark.parametrize("options", [{}, {"chunks": (4,), "maxshape": (None,), "compression": "gzip"}])
def test_frames_are_what_pillow_decodes(tmp_path, form, key, options):
    pictures = [picture(number, form=form) for number in range(FRAMES)]
    episode = read_episode(write(tmp_path / NAME, pictures, key, **options))
    assert (episode.length, episode.size, episode.images_key) == (FRAMES, (WIDTH, HEIGHT), key)
    expected = np.stack([np.asarray(Image.open(io.BytesIO(each.tobytes())).convert("RGB")) for each in pictures])
    np.testing.assert_array_equal(read_frames(episode, range(FRAMES)), expected)
    np.testing.assert_array_equal(read_frames(episode, [2, 2, 5], "bgr"), expected[[2, 2, 5], ..., ::-1])
    np.testing.assert_array_equal(np.stack(list(each_frame(episode))), np.moveaxis(expected, -1, 1))


def test_the_frame_store_has_the_same_as_of_an_array(tmp_path):
    pictures = [picture(number, form="PNG") for number in range(FRAMES)]
    folders = [tmp_path / "pictures", tmp_path / "array"]
    for folder in folders:
        folder.mkdir()
    write(folders[0] / NAME, pictures)
    with h5py.File(folders[1] / NAME, "w") as file:
        file["images"] = read_frames(read_episode(folders[0] / NAME), range(FRAMES))
        file["actions"] = np.full((FRAMES, 3), 0.5, np.float32)
    planes = []
    for folder in folders:
        store = FrameStore(folder / "store", 24, "rgb")
        build(store, [folder / NAME])
        planes.append(np.asarray(store.planes(NAME)))
    np.testing.assert_array_equal(*planes)


def changed(index, value):
    pictures = [picture(number) for number in range(FRAMES)]
    pictures[index] = value
    return pictures


def deep():
    """Return a grey PNG of 16 bits a pixel."""
    buffer = io.BytesIO()
    Image.fromarray(np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(HEIGHT, WIDTH) * 40).save(buffer, "PNG")
    return np.frombuffer(buffer.getvalue(), np.uint8)


BROKEN = {
    "16 bits": (changed(3, deep()), "picture 3 has 16 bits a pixel"),
    "no picture": (changed(3, np.frombuffer(b"not a picture", np.uint8)), "picture 3 is no JPEG or PNG"),
    "another format": (changed(3, picture(3, form="GIF")), "picture 3 is no JPEG or PNG"),
    "nothing": (changed(0, np.zeros(0, np.uint8)), "picture 0 is no JPEG or PNG"),
    "cut off": (changed(4, picture(4)[:-200]), "picture 4 does not decode"),
    "another size": (changed(5, picture(5, (WIDTH, HEIGHT + 8))), "picture 5 is 48x40, the first 48x32"),
    "too wide": ([picture(number, (9000, 2)) for number in range(2)], "9000x2"),
    "fewer actions": (None, "images and"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_wrong_with_a_picture_is_named(tmp_path, case):
    pictures, expected = BROKEN[case]
    path = write(tmp_path / NAME, pictures or [picture(number) for number in range(FRAMES)])
    if pictures is None:
        with h5py.File(path, "a") as file:
            del file["actions"]
            file["actions"] = np.zeros((FRAMES - 1, 3), np.float32)
    with pytest.raises(DataError, match=rf"^{NAME}: .*{expected}"):
        read_episode(path)


def read_damaged(path, number, content):
    """Flip some bytes of a file. Return what is read of it, or None where it is refused by name."""
    rng = np.random.default_rng(number)
    damaged = bytearray(content)
    for place in rng.integers(0, len(damaged), 1 + number % 4):
        damaged[place] ^= 1 << int(rng.integers(8))
    path.write_bytes(damaged if number % 3 else damaged[: int(rng.integers(len(damaged)))])
    try:
        episode = read_episode(path)
        return read_frames(episode, range(episode.length))
    except DataError as error:
        assert str(error).startswith(f"{path.name}: ")
        return None


@pytest.mark.parametrize("numbers", [range(20), pytest.param(range(20, 540), marks=pytest.mark.slow)], ids=str)
def test_damaged_files_are_refused_or_read_right(tmp_path, numbers):
    """PNG has checksums: what is read of one is what was written, each frame one of the recording's."""
    path = write(tmp_path / NAME, [picture(number, form="PNG") for number in range(FRAMES)])
    content = path.read_bytes()
    good = read_frames(read_episode(path), range(FRAMES))
    read = [each for number in numbers if (each := read_damaged(path, number, content)) is not None]
    assert 0 < len(read) < len(numbers)
    assert all(any(np.array_equal(frame, each) for each in good) for frames in read for frame in frames)


@pytest.mark.parametrize("numbers", [range(10), pytest.param(range(10, 540), marks=pytest.mark.slow)], ids=str)
def test_damaged_jpeg_files_are_refused_or_give_pictures(tmp_path, numbers):
    path = write(tmp_path / NAME, [picture(number) for number in range(FRAMES)])
    content = path.read_bytes()
    read = [read_damaged(path, number, content) for number in numbers]
    assert 0 < sum(each is None for each in read) < len(read)
    assert all(each.shape == (FRAMES, HEIGHT, WIDTH, 3) for each in read if each is not None)
