"""Every layout that recorders wrote is read as it was meant, from the file and out of the frame store alike."""

import h5py
import numpy as np
import pytest
from support.vintages import VINTAGES, june_2026, november_2025

from robovlms_mobile.data.frame_store.build import build
from robovlms_mobile.data.frame_store.store import open_store
from robovlms_mobile.data.hdf5.episode_file import read_episode
from robovlms_mobile.data.hdf5.frames import read_frames


@pytest.mark.parametrize("layout", VINTAGES)
def test_a_layout_is_read_back_exactly(tmp_path, layout):
    vintage = VINTAGES[layout](tmp_path)
    store = open_store(tmp_path, 8)
    build(store, [vintage.path])
    assert store.has(vintage.path)
    for episode in (read_episode(vintage.path), store.read(vintage.path)):
        np.testing.assert_array_equal(episode.actions, vintage.actions)
        for name, value in vintage.says.items():
            seen = getattr(episode, name)
            assert (tuple(seen) if isinstance(value, tuple) else seen) == value, name
        assert episode.length == len(vintage.actions) and not episode.unreadable
    if vintage.frames is not None:
        np.testing.assert_array_equal(read_frames(episode, range(episode.length)), vintage.frames)


def test_numbers_wider_than_pythons_are_numbers(tmp_path):
    path = november_2025(tmp_path).path
    with h5py.File(path, "a") as file:
        file.attrs["gain"] = np.longdouble(1.5)
    assert read_episode(path).attributes["gain"] == 1.5


def test_a_name_of_an_attribute_that_is_not_utf8_refuses_no_file(tmp_path):
    path = november_2025(tmp_path).path
    with h5py.File(path, "a") as file:
        place = h5py.h5s.create(h5py.h5s.SCALAR)
        h5py.h5a.create(file.id, b"caf\xe9", h5py.h5t.NATIVE_INT32, place).write(np.array(3, "i4"))
    store = open_store(tmp_path, 8)
    build(store, [path])
    assert store.read(path).attributes["caf\\xe9"] == 3 and store.has(path)


def test_milliseconds_are_not_taken_for_seconds(tmp_path):
    path = june_2026(tmp_path).path
    with h5py.File(path, "a") as file:
        file["timestamps"][...] = np.arange(16) * 33.3  # a camera's 30 frames a second
    episode = read_episode(path)
    assert episode.times is None and episode.seconds is None
    assert "a frame every 33.3, expected seconds of at most 10" in episode.unreadable[0]
