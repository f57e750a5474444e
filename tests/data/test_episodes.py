"""Every way an episode file is wrong is named; good files are read as they are."""

import h5py
import numpy as np
import pytest

from robovlms_mobile.data.episodes import find_episodes, load_episodes, read_episode
from robovlms_mobile.data.frames import read_frames
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
        load_episodes([good, *bad])


def test_skipping_leaves_bad_files_out_and_says_so_once(tmp_path):
    paths = [write(tmp_path / "episode_1.h5"), write(tmp_path / "episode_2.h5", actions=None)]
    with pytest.warns(UserWarning, match="episode_2") as warned:
        assert [episode.name for episode in load_episodes(paths, "skip")] == ["episode_1.h5"]
    assert len(warned) == 1


def test_skipping_everything_is_an_error(tmp_path):
    with pytest.raises(DataError, match="1 of 1"):
        load_episodes([write(tmp_path / "episode_1.h5", actions=None)], "skip")


def test_several_patterns_find_each_file_once_and_by_name(tmp_path):
    for name in ("episode_20251114_b.h5", "episode_20251106_a.h5", "notes.txt"):
        write(tmp_path / name)
    found = find_episodes(tmp_path, ["episode_20251114_*.h5", "episode_2025*.h5"])
    assert [path.name for path in found] == ["episode_20251106_a.h5", "episode_20251114_b.h5"]


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
