"""The frame store: bit-identical to decoding afresh, or not used at all."""

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
import zlib
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from robovlms_mobile.data.dataset import MobileVLAH5Dataset
from robovlms_mobile.data.frame_store import build as building
from robovlms_mobile.data.frame_store import store as storing
from robovlms_mobile.data.frame_store.build import build, build_or_warn, resized
from robovlms_mobile.data.frame_store.store import open_store, read_index
from robovlms_mobile.data.hdf5.episode_file import read_episode
from robovlms_mobile.data.split.near_duplicates import thumbnails

SIZE = 32
OPTIONS = {
    "instruction": "Drive to the cup.",
    "color_order": "rgb",
    "window_size": 4,
    "fwd_pred_next_n": 10,
    "image_size": SIZE,
    "norm_action": True,
    "norm_min": -2,
    "norm_max": 2,
}


def write(path, seed=0, frames=18, shape=(36, 64), images="images", **storage):
    rng = np.random.default_rng(seed)
    storage = {"compression": "gzip", **storage}
    with h5py.File(path, "w") as file:
        file.create_dataset(images, data=rng.integers(0, 256, (frames, *shape, 3), np.uint8), **storage)
        file["actions"] = (rng.choice([-1.15, 0, 1.15], (frames, 3)) * [1, 1, 0]).astype("f4")
    return path


@pytest.fixture
def folder(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    for index in range(4):
        write(data / f"episode_2025111{index}_000000.h5", index)
    return data


def paths(folder):
    return sorted(folder.glob("*.h5"))


def pictures(store, name):
    return np.moveaxis(store.planes(name), 1, -1)


def afresh(path, key="images"):
    with h5py.File(path) as file:
        images = [Image.fromarray(frame).resize((SIZE, SIZE), Image.Resampling.BICUBIC) for frame in file[key][()]]
    return np.stack([np.asarray(image) for image in images])


def built(folder, **options):
    store = open_store(folder, SIZE, **options)
    build(store, paths(folder))
    return store


def assert_right(folder):
    store = built(folder)
    for path in paths(folder):
        np.testing.assert_array_equal(pictures(store, path.name), afresh(path))


def test_every_frame_of_every_episode_is_as_decoded_afresh(folder):
    write(folder / "episode_20251101_000000.h5", 9, images="observations/images")
    store = built(folder)
    for path in paths(folder)[1:]:
        np.testing.assert_array_equal(pictures(store, path.name), afresh(path))
    np.testing.assert_array_equal(
        pictures(store, "episode_20251101_000000.h5"), afresh(paths(folder)[0], "observations/images")
    )


def test_a_decoded_file_emptied_while_the_store_is_open_counts_as_not_there(folder):
    store = built(folder)
    name = paths(folder)[0].name
    (store.folder / store.entries[name].file).write_bytes(b"")
    with pytest.warns(UserWarning, match="is damaged .*next run decodes it"), pytest.raises(KeyError, match=name):
        store.planes(name)
    assert_right(folder)


def test_bgr_files_are_stored_as_rgb(folder):
    rgb, bgr = built(folder), built(folder, color_order="bgr")
    name = paths(folder)[0].name
    np.testing.assert_array_equal(pictures(bgr, name)[..., ::-1], pictures(rgb, name))


def test_samples_are_the_same_with_and_without_a_store(folder):
    off = MobileVLAH5Dataset(data_dir=str(folder), image_fn=None, **OPTIONS)
    assert off.store is not None
    first = [off[index] for index in range(len(off))]
    off.store = None
    for index, sample in enumerate(first):
        assert (sample["rgb"] == off[index]["rgb"]).all()


def test_a_ready_store_opens_no_episode_file(folder, monkeypatch):
    built(folder)
    monkeypatch.setattr(h5py, "File", None)
    dataset = MobileVLAH5Dataset(data_dir=str(folder), **OPTIONS)
    assert dataset[0]["rgb"].shape == (4, 3, SIZE, SIZE)


def test_a_changed_file_rebuilds_only_its_own_part(folder):
    store = built(folder)
    before = {name: entry.file for name, entry in store.entries.items()}
    stamps = {path.name: path.stat().st_mtime_ns for path in store.folder.glob("*.npy")}
    changed = write(paths(folder)[1], seed=99)
    os.utime(changed, ns=(1, 1))
    assert_right(folder)
    after = open_store(folder, SIZE).entries
    assert [name for name in before if before[name] != after[name].file] == [changed.name]
    same = [path for path in store.folder.glob("*.npy") if path.name in stamps]
    assert len(same) == 3 and all(path.stat().st_mtime_ns == stamps[path.name] for path in same)


def test_a_touched_file_is_not_decoded_again(folder, monkeypatch):
    built(folder)
    os.utime(paths(folder)[0])
    monkeypatch.setattr(building, "resized", None)
    assert_right(folder)


def build_of_old(folder, monkeypatch):
    """Build a store as before files were asked for their colours, and their attributes for a scenario."""
    with monkeypatch.context() as patch:
        old = {"color_order": None, "scenario": None}
        patch.setattr(building, "read_episode", lambda path: replace(read_episode(path), **old))
        store = built(folder)
    entries = [json.loads(line.partition(" ")[2]) for line in (store.folder / storing.INDEX).read_text().splitlines()]
    texts = [json.dumps({**each.pop("told"), **each}) for each in entries]
    edit_index(store, lambda _: "".join(f"{zlib.crc32(text.encode()):08x} {text}\n" for text in texts))


def test_a_store_of_old_is_decoded_again_only_where_its_file_tells_other_colours(folder, monkeypatch):
    bgr, rgb, *silent = paths(folder)
    for path, order in ((bgr, "bgr"), (rgb, "rgb")):
        with h5py.File(path, "a") as file:
            file.attrs.update({"color_order": order, "scenario": "Left"})
    build_of_old(folder, monkeypatch)
    assert not any(map(open_store(folder, SIZE).has, paths(folder)))
    again = []
    monkeypatch.setattr(building, "resized", lambda episode, *how: again.append(episode.name) or resized(episode, *how))
    store = built(folder)
    assert again == [bgr.name]
    for path in paths(folder):
        expected = afresh(path)[..., ::-1] if path == bgr else afresh(path)
        np.testing.assert_array_equal(pictures(store, path.name), expected)
    assert [store.read(path).scenario for path in (bgr, rgb, *silent)] == ["left", "left", None, None]
    built(folder)
    assert again == [bgr.name] and all(map(store.has, paths(folder)))


def test_files_that_went_leave_nothing_behind(folder):
    built(folder)
    gone = paths(folder)[2]
    write(gone, seed=77)
    built(folder)
    store = open_store(folder, SIZE)
    assert len(list(store.folder.glob("*.npy"))) == 4


def damage_file(store, change):
    path = next(store.folder.glob("*0_000000*.npy"))
    content = bytearray(path.read_bytes())
    path.write_bytes(change(content))


DAMAGE = {
    "truncated frames": lambda store: damage_file(store, lambda content: content[:-100]),
    "one flipped bit": lambda store: damage_file(store, lambda c: c[:5000] + bytes([c[5000] ^ 1]) + c[5001:]),
    "another header": lambda store: damage_file(store, lambda c: c.replace(b"'|u1'", b"'|i1'")),
    "no frames file": lambda store: next(store.folder.glob("*.npy")).unlink(),
    "torn index": lambda store: edit_index(store, lambda text: text[:-40]),
    "a flipped digit": lambda store: edit_index(store, lambda text: text.replace('"length": 18', '"length": 17', 1)),
    "rubbish in the index": lambda store: edit_index(store, lambda text: "\0\xff{}\n" + text[30:]),
    "an empty index": lambda store: edit_index(store, lambda text: ""),
}


def edit_index(store, change):
    path = store.folder / storing.INDEX
    path.write_text(change(path.read_text()))


@pytest.mark.filterwarnings("ignore:Frame store")
@pytest.mark.parametrize("case", DAMAGE)
def test_damage_never_gives_wrong_pixels_and_is_repaired(folder, case):
    DAMAGE[case](built(folder))
    dataset = MobileVLAH5Dataset(data_dir=str(folder), **OPTIONS)
    for index, (episode, start) in enumerate(dataset.samples):
        seen = np.minimum(start + np.arange(4), episode.length - 1)  # past the end the last frame repeats
        expected = afresh(episode.path)[seen]
        np.testing.assert_array_equal(np.moveaxis(dataset[index]["rgb"].numpy(), 1, -1), expected)
    assert_right(folder)


def test_a_store_of_another_version_is_another_folder(folder, monkeypatch):
    built(folder)
    monkeypatch.setattr(storing, "FORMAT", 2)
    assert not open_store(folder, SIZE).entries


def test_a_read_only_data_folder_is_stored_in_the_users_cache(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    store = built(folder)
    assert tmp_path / "cache" in store.folder.parents
    assert not (folder / storing.HIDDEN).exists()


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EROFS])
def test_a_disk_that_takes_nothing_is_one_warning_and_training_goes_on(folder, monkeypatch, fault):
    def fail(path):
        raise OSError(fault, os.strerror(fault))

    monkeypatch.setattr(building, "replace_file", fail)
    costs = rf"{os.strerror(fault)}.*4 of 4, is decoded .* s of CPU"
    with pytest.warns(UserWarning, match=costs) as warned:
        dataset = MobileVLAH5Dataset(data_dir=str(folder), **OPTIONS)
    assert len(warned) == 1
    expected = afresh(dataset.samples[0][0].path)[:4]
    np.testing.assert_array_equal(np.moveaxis(dataset[0]["rgb"].numpy(), 1, -1), expected)


def test_a_file_that_cannot_be_decoded_does_not_stop_the_others(folder):
    paths(folder)[1].write_bytes(b"not hdf5")
    store = built(folder)
    assert [store.has(path) for path in paths(folder)] == [True, False, True, True]


def test_signatures_tell_episodes_apart(folder):
    store = built(folder)
    one, two = (thumbnails(store.planes(path.name)) for path in paths(folder)[:2])
    assert one.shape == (3, 16, 16) and one.dtype == np.uint8
    assert np.abs(one.astype(int) - two).mean() > 1


BUILDER = """
import sys
from pathlib import Path
from robovlms_mobile.data.frame_store.build import build
from robovlms_mobile.data.frame_store.store import open_store
folder = Path(sys.argv[1])
store = open_store(folder, 32)
print("ready", flush=True)
build(store, sorted(folder.glob("*.h5")), workers=2)
"""


def start_builder(folder):
    process = subprocess.Popen([sys.executable, "-c", BUILDER, str(folder)], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    return process


def test_three_builders_at_once_decode_every_episode_once(folder):
    builders = [start_builder(folder) for _ in range(3)]
    assert [builder.wait(60) for builder in builders] == [0, 0, 0]
    index = open_store(folder, SIZE).folder / storing.INDEX
    assert len(index.read_text().splitlines()) == len(read_index(index)) == 4
    assert_right(folder)


def kill_builds(folder, count):
    """Start builders and kill each at a random moment of its work; after each, what is there must be right."""
    rng = random.Random(0)
    for episode in range(4, 24):
        write(folder / f"episode_202511{episode + 10}_000000.h5", episode, shape=(90, 160))
    killed = 0
    while killed < count:
        builder = start_builder(folder)
        time.sleep(rng.uniform(0, 0.12))
        builder.send_signal(signal.SIGKILL)
        killed += builder.wait() == -signal.SIGKILL
        store = open_store(folder, SIZE)
        for path in paths(folder):
            if store.has(path):
                np.testing.assert_array_equal(pictures(store, path.name), afresh(path))
        if all(map(store.has, paths(folder))):
            for decoded in list(store.folder.glob("*.npy"))[::2]:
                decoded.unlink()
    assert_right(folder)


def test_killed_builders_leave_right_frames_only(folder):
    kill_builds(folder, 5)


@pytest.mark.slow
def test_fifty_killed_builders_leave_right_frames_only(folder):
    kill_builds(folder, 50)


def test_no_temporary_file_survives_a_finished_build(folder):
    built(folder)
    left = {path.suffix for path in Path(open_store(folder, SIZE).folder).iterdir()}
    assert left <= {".npy", ".jsonl", ".lock"}


def test_a_store_that_is_ready_is_not_written_to(folder, monkeypatch):
    store = built(folder)
    before = (store.folder / storing.INDEX).stat().st_mtime_ns
    build_or_warn(open_store(folder, SIZE), paths(folder))
    assert (store.folder / storing.INDEX).stat().st_mtime_ns == before
