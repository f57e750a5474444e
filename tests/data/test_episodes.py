"""Every way an episode file is wrong is named; good files are read as they are."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import h5py
import numpy as np
import pytest

from robovlms_mobile.data.circumstances import NAME as NAME_WITH_TIME
from robovlms_mobile.data.circumstances import started
from robovlms_mobile.data.episodes import Episode, find_episodes, load_episodes
from robovlms_mobile.data.frame_store.build import build, resized
from robovlms_mobile.data.frame_store.store import FrameStore
from robovlms_mobile.data.hdf5 import sandbox as trial
from robovlms_mobile.data.hdf5.episode_file import read_episode
from robovlms_mobile.data.hdf5.frames import read_frames
from robovlms_mobile.errors import DataError

NAME = "episode_20251114_151440_1box_hori_right_core_medium.h5"


def write(path, frames=18, images_key="images", **change):
    content = {
        images_key: np.arange(frames * 4 * 6 * 3, dtype=np.uint8).reshape(frames, 4, 6, 3),
        "actions": np.full((frames, 3), 0.5, np.float32),
        **change,
    }
    with h5py.File(path, "w") as file:
        for key, value in content.items():
            if value is not None:
                file[key] = value
    return path


def test_a_good_file_is_read_as_it_is(tmp_path):
    episode = read_episode(write(tmp_path / NAME, language_instruction=np.array([b"Go to the cup"])))
    assert (episode.length, episode.scenario, episode.instruction) == (18, "1box_hori_right", "Go to the cup")
    assert episode.actions.shape == (18, 3) and episode.actions.dtype == np.float32


def test_the_older_layout_is_read_alike(tmp_path):
    episode = read_episode(write(tmp_path / "episode_20251001_000000.h5", images_key="observations/images"))
    assert (episode.length, episode.scenario) == (18, None)
    assert read_frames(episode, [0, 1]).shape == (2, 4, 6, 3)


@pytest.mark.parametrize("kind", ["f2", "f4", "f8", ">f4"])
def test_actions_of_two_columns_are_linear_x_and_linear_y(tmp_path, kind):
    recorded = np.linspace(-1, 1, 36).reshape(18, 2).astype(kind)
    episode = read_episode(write(tmp_path / NAME, actions=recorded))
    assert episode.actions.dtype == np.float32 and not episode.actions[:, 2].any()
    np.testing.assert_array_equal(episode.actions[:, :2], recorded.astype(np.float32))


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"scenario": "target_center_left"}, "target_center_left"),
        ({"scenario": "Target center/left "}, "target_center_left"),
        ({"cx_path": "left"}, "left"),
        ({"scenario": "", "cx_path": "right"}, "right"),
        ({"scenario": 3}, "3"),
        ({"scenario": 0.5}, None),
        ({}, None),
    ],
)
def test_without_a_scenario_in_its_name_an_attribute_tells_it(tmp_path, attributes, expected):
    for name, scenario in (("episode_260414_101112_target.h5", expected), (NAME, "1box_hori_right")):
        path = write(tmp_path / name)
        with h5py.File(path, "a") as file:
            file.attrs.update(attributes)
        assert read_episode(path).scenario == scenario


@pytest.mark.parametrize(
    ("attributes", "order"),
    [({"color_order": "BGR"}, "bgr"), ({"image_encoding": "rgb8"}, "rgb"), ({"color_order": "grey"}, None), ({}, None)],
)
def test_a_file_that_tells_its_colours_is_believed_before_the_config(tmp_path, attributes, order):
    path = write(tmp_path / NAME)
    with h5py.File(path, "a") as file:
        file.attrs.update(attributes)
        stored = file["images"][:]
    episode = read_episode(path)
    assert episode.color_order == order
    for told in ("rgb", "bgr"):
        turned = stored[..., ::-1] if (order or told) == "bgr" else stored
        np.testing.assert_array_equal(read_frames(episode, range(18), told), turned)
        resized_planes = resized(episode, 8, told)
        store = FrameStore(tmp_path / f"store-{told}", 8, told)
        build(store, [path])
        np.testing.assert_array_equal(store.planes(path.name), resized_planes)
        assert store.read(path).color_order == order
    same = np.array_equal(resized(episode, 8, "rgb"), resized(episode, 8, "bgr"))
    assert same == (order is not None)


@pytest.mark.parametrize(
    ("times", "seconds"),
    [
        (np.arange(18) * 0.25 + 1.7e9, 4.5),
        (np.cumsum(np.full(18, 3)), 54.0),
        (np.zeros(18), 9.0),
        (np.arange(18) * 250_000_000 + 1_780_000_000_000_000_000, 9.0),
        (np.arange(18) * 250, 9.0),
        (np.arange(17) * 0.25, 9.0),
        (np.array([b"now"] * 18), 9.0),
        (np.full(18, np.nan), 9.0),
        (None, 9.0),
    ],
)
def test_how_long_it_lasted_is_by_the_frames_own_times_else_by_the_collectors_word(tmp_path, times, seconds):
    path = write(tmp_path / NAME, timestamps=times)
    with h5py.File(path, "a") as file:
        file.attrs["total_duration"] = 9.0
    episode = read_episode(path)
    assert episode.seconds == pytest.approx(seconds)
    assert bool(episode.unreadable) == (times is not None and seconds == 9.0)


@pytest.mark.parametrize(
    ("name", "when"),
    [
        ("episode_20251114_151440_1box_hori_left.h5", datetime(2025, 11, 14, 15, 14, 40)),
        ("episode_260414_101112_target_center_left.h5", datetime(2026, 4, 14, 10, 11, 12)),
        ("episode_20251399_101112.h5", None),
        ("drive.h5", None),
    ],
)
def test_a_name_tells_the_day_in_either_form(name, when):
    episode = Episode(Path(name), "images", 1, np.zeros((1, 3), np.float32), None, None)
    assert started(episode) == when
    noted = replace(episode, attributes={"collection_datetime": "2026-07-01T09:30:00+02:00"})
    own = NAME_WITH_TIME.match(name) is None
    assert started(noted) == (datetime(2026, 7, 1, 9, 30) if own else when)


BROKEN = {
    "no images": ({"images": None}, "no 'images'"),
    "no actions": ({"actions": None}, "no 'actions'"),
    "float images": ({"images": np.zeros((18, 4, 6, 3), np.float32)}, "expected .* uint8"),
    "grey images": ({"images": np.zeros((18, 4, 6), np.uint8)}, r"\(18, 4, 6\)"),
    "four action dims": ({"actions": np.zeros((18, 4), np.float32)}, r"'actions' is \(18, 4\)"),
    "integer actions": ({"actions": np.zeros((18, 3), np.int64)}, "int64"),
    "unequal lengths": ({"actions": np.zeros((17, 3), np.float32)}, "18 images and 17 actions"),
    "nan actions": ({"actions": np.where(np.arange(54).reshape(18, 3) == 4, np.nan, 0).astype("f4")}, r"frames \[1\]"),
    "no frames": ({"images": np.zeros((0, 4, 6, 3), np.uint8), "actions": np.zeros((0, 3), "f4")}, "at least 1"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_wrong_with_a_file_is_named(tmp_path, case):
    change, expected = BROKEN[case]
    with pytest.raises(DataError, match=rf"^{NAME}: .*{expected}"):
        read_episode(write(tmp_path / NAME, **change))


def test_a_truncated_file_is_named(tmp_path):
    path = write(tmp_path / NAME)
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(DataError, match=f"{NAME}: not a readable HDF5 file"):
        read_episode(path)


def test_a_link_out_of_the_file_is_refused(tmp_path):
    write(tmp_path / "other.h5")
    path = write(tmp_path / NAME, actions=None)
    with h5py.File(path, "a") as file:
        file["actions"] = h5py.ExternalLink("other.h5", "/actions")
    with pytest.raises(DataError, match="link to another file"):
        read_episode(path)


def test_all_bad_files_are_listed_before_anything_stops(tmp_path):
    good = write(tmp_path / "episode_1.h5")
    bad = [write(tmp_path / "episode_2.h5", actions=None), write(tmp_path / "episode_3.h5", images=None)]
    with pytest.raises(DataError, match=r"(?s)2 of 3 .*episode_2.*episode_3.*on_bad_episode"):
        load_episodes([good, *bad], "stop", read_episode)


def test_skipping_leaves_bad_files_out_and_says_so_once(tmp_path):
    paths = [write(tmp_path / "episode_1.h5"), write(tmp_path / "episode_2.h5", actions=None)]
    with pytest.warns(UserWarning, match="episode_2") as warned:
        assert [episode.name for episode in load_episodes(paths, "skip", read_episode)] == ["episode_1.h5"]
    assert len(warned) == 1


def test_skipping_everything_is_an_error(tmp_path):
    with pytest.raises(DataError, match="1 of 1"):
        load_episodes([write(tmp_path / "episode_1.h5", actions=None)], "skip", read_episode)


def test_several_patterns_find_each_file_once_and_by_name(tmp_path):
    for name in ("episode_20251114_b.h5", "episode_20251106_a.h5", "notes.txt"):
        write(tmp_path / name)
    found = find_episodes(tmp_path, ["episode_20251114_*.h5", "episode_2025*.h5"])
    assert [path.name for path in found] == ["episode_20251106_a.h5", "episode_20251114_b.h5"]


def test_files_of_one_name_in_several_folders_are_refused_naming_both(tmp_path):
    for folder in ("day1", "day2"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / NAME)
        write(tmp_path / folder / f"episode_{folder}.h5")
    with pytest.raises(DataError, match=rf"^Several files in .* 1 time: day1/{NAME} and day2/{NAME}\. Rename"):
        find_episodes(tmp_path, "*/episode_*.h5")
    with pytest.raises(DataError, match=r"day1/.* and day2/"):
        find_episodes(tmp_path, ["day1/*.h5", "day2/*.h5"])
    assert len(find_episodes(tmp_path, ["day1/*.h5", "*/episode_day*.h5"])) == 3


@pytest.mark.parametrize("listed", [False, True])
def test_an_absolute_pattern_is_refused_with_what_to_set(tmp_path, listed):
    write(tmp_path / NAME)
    pattern = f"{tmp_path}/episode_*.h5"
    with pytest.raises(DataError, match=f'"data_dir": "{tmp_path}", "episode_pattern": "episode_'):
        find_episodes(tmp_path, [pattern] if listed else pattern)
    with pytest.raises(DataError, match="episode_pattern is ''"):
        find_episodes(tmp_path, "")


def test_no_match_names_pattern_folder_and_the_nearest_files(tmp_path):
    write(tmp_path / NAME)
    with pytest.raises(DataError) as error:
        find_episodes(tmp_path, "episode_20251106_*.h5")
    assert all(part in str(error.value) for part in ("episode_20251106_*.h5", str(tmp_path), NAME))


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(DataError, match="not a folder"):
        find_episodes(tmp_path / "nowhere")


def test_frames_come_as_they_were_written_and_bgr_is_turned_round(tmp_path):
    path = write(tmp_path / NAME)
    episode = read_episode(path)
    with h5py.File(path) as file:
        stored = file["images"][()]
    np.testing.assert_array_equal(read_frames(episode, [3, 4, 5, 5]), stored[[3, 4, 5, 5]])
    np.testing.assert_array_equal(read_frames(episode, [3], "bgr"), stored[[3]][..., ::-1])


HIDDEN = {
    "a soft link to itself": (lambda file: h5py.SoftLink("/actions"), "'actions' is a soft link"),
    "a hard link to the root": (lambda file: file["/"], "'actions' is a group"),
    "a type": (lambda file: np.dtype("f4"), "'actions' is a type"),
}


@pytest.mark.parametrize("case", HIDDEN)
def test_what_is_no_dataset_is_refused(tmp_path, case):
    make, expected = HIDDEN[case]
    path = write(tmp_path / NAME, actions=None)
    with h5py.File(path, "a") as file:
        file["actions"] = make(file)
    with pytest.raises(DataError, match=rf"^{NAME}: {expected}"):
        read_episode(path)


def test_a_link_on_the_way_to_the_images_is_refused(tmp_path):
    write(tmp_path / "other.h5", images_key="observations/images")
    path = write(tmp_path / NAME, images=None)
    with h5py.File(path, "a") as file:
        file["observations"] = h5py.ExternalLink("other.h5", "/observations")
    with pytest.raises(DataError, match="'observations/images' is a link to another file"):
        read_episode(path)


def test_images_stored_in_another_file_are_refused(tmp_path):
    (tmp_path / "raw.bin").write_bytes(bytes(18 * 4 * 6 * 3))
    virtual = h5py.VirtualLayout((18, 4, 6, 3), "u1")
    virtual[:] = h5py.VirtualSource(str(write(tmp_path / "other.h5")), "images", (18, 4, 6, 3))
    for name in ("raw.h5", "virtual.h5"):
        with h5py.File(write(tmp_path / name, images=None), "a") as file:
            if name == "raw.h5":
                file.create_dataset("images", (18, 4, 6, 3), "u1", external=[(str(tmp_path / "raw.bin"), 0, 1296)])
            else:
                file.create_virtual_dataset("images", virtual)
        with pytest.raises(DataError, match=f"^{name}: 'images' keeps its data in other files"):
            read_episode(tmp_path / name)


def test_a_declared_size_is_not_believed(tmp_path):
    path = write(tmp_path / NAME, images=None)
    with h5py.File(path, "a") as file:
        file.create_dataset("images", (18, 2**20, 2**20, 3), "u1", chunks=(1, 2**10, 2**10, 3))
    with pytest.raises(DataError, match=r"declares \(18, 1048576, 1048576, 3\) uint8, more than 8 GiB"):
        read_episode(path)


def test_images_that_were_never_written_are_no_black_images(tmp_path):
    path = write(tmp_path / NAME, images=None)
    with h5py.File(path, "a") as file:
        images = file.create_dataset("images", (18, 4, 6, 3), "u1", chunks=(3, 4, 6, 3), compression="gzip")
        images[:9] = 1
    with pytest.raises(DataError, match="'images' has 3 of 6 chunks: damaged, or the recording was cut off"):
        read_episode(path)


def test_an_unknown_filter_is_named_with_the_way_out(tmp_path):
    path = write(tmp_path / NAME, images=None)
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_chunk((18, 4, 6, 3))
    plist.set_filter(32001, h5py.h5z.FLAG_OPTIONAL, ())
    with h5py.File(path, "a") as file:
        h5py.h5d.create(file.id, b"images", h5py.h5t.STD_U8LE, h5py.h5s.create_simple((18, 4, 6, 3)), plist)
    with pytest.raises(DataError, match=r"filters \[32001\], expected gzip. Run: h5repack"):
        read_episode(path)


def test_bytes_at_the_end_are_an_unfinished_file(tmp_path):
    path = write(tmp_path / NAME)
    path.write_bytes(path.read_bytes() + bytes(10))
    with pytest.raises(DataError, match="10 bytes longer than it says"):
        read_episode(path)


def test_actions_no_robot_drives_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"reaches 1e\+20 at frames \[2\]"):
        read_episode(write(tmp_path / NAME, actions=np.where(np.arange(54).reshape(18, 3) == 7, 1e20, 0).astype("f4")))


TEXTS = {
    "utf-8 of fixed length": (np.array(["컵까지 가세요".encode()]), "컵까지 가세요"),
    "none in it": (np.zeros(0, "S4"), None),
    "a scalar": (b" Go ", "Go"),
    "korean of another encoding": (np.array(["컵까지".encode("euc-kr")]), DataError),
    "numbers": (np.arange(3), DataError),
    "a novel": (np.array([b"x" * 5000]), DataError),
}


@pytest.mark.parametrize("case", TEXTS)
def test_an_instruction_is_utf8_text_or_refused(tmp_path, case):
    value, expected = TEXTS[case]
    path = write(tmp_path / NAME, language_instruction=value)
    if expected is DataError:
        with pytest.raises(DataError, match=f"^{NAME}: 'language_instruction'"):
            read_episode(path)
    else:
        assert read_episode(path).instruction == expected


def test_a_pipe_and_a_folder_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "pipe.h5")
    (tmp_path / "folder.h5").mkdir()
    for name in ("pipe.h5", "folder.h5", "nothing.h5"):
        with pytest.raises(DataError, match=f"^{name}: not a file"):
            read_episode(tmp_path / name)


def looped(path):
    """An index that contains itself: libhdf5 walks it until its stack ends."""
    with h5py.File(path, "w") as file:
        file.create_dataset("images", data=np.ones((90, 4, 6, 3), np.uint8), chunks=(1, 4, 6, 1))
        file["actions"] = np.zeros((90, 3), np.float32)
    content = bytearray(path.read_bytes())
    trees = [at for at in range(len(content) - 5) if content[at : at + 4] == b"TREE" and content[at + 4]]
    at = next(at for at in trees if content[at + 5])  # one that has trees below it
    content[at + 72 : at + 80] = at.to_bytes(8, "little")
    path.write_bytes(content)
    return path


def test_a_file_that_crashes_the_library_is_an_error_and_the_next_one_is_read(tmp_path):
    with pytest.raises(DataError, match=f"^{NAME}: damaged, reading it crashes the HDF5 library"):
        read_episode(looped(tmp_path / NAME))
    assert read_episode(write(tmp_path / "episode_2.h5")).length == 18


def test_a_helper_that_was_killed_is_replaced(tmp_path):
    path = write(tmp_path / NAME)
    read_episode(path)
    trial._helper.process.kill()
    trial._helper.process.wait()
    assert read_episode(path).length == 18


def test_a_forked_process_has_a_helper_of_its_own(tmp_path):
    path = write(tmp_path / NAME)
    read_episode(path)
    helper, pid = trial._helper.process.pid, os.fork()
    if not pid:
        fine = trial._helper is None and read_episode(path).length == 18 and trial._helper.process.pid != helper
        trial._forget()
        os._exit(0 if fine else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert read_episode(path).length == 18 and trial._helper.process.pid == helper


def test_many_threads_share_the_helper(tmp_path):
    paths = [write(tmp_path / f"episode_{index}.h5", frames=index + 1) for index in range(20)]
    with ThreadPoolExecutor(8) as pool:
        assert [episode.length for episode in pool.map(read_episode, paths)] == list(range(1, 21))
