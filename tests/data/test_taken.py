"""Episodes as a dataset block wants them: other scenarios, columns, frames or rate than their files have."""

from dataclasses import replace

import h5py
import numpy as np
import pytest
from support.vintages import VINTAGES, differential, july_2026, june_2026, november_2025

from robovlms_mobile.checking.folder import check_folder
from robovlms_mobile.data.block import Block
from robovlms_mobile.data.dataset import MobileVLAH5Dataset
from robovlms_mobile.data.hdf5.episode_file import read_episode
from robovlms_mobile.data.hdf5.frames import each_frame, read_frames
from robovlms_mobile.data.split.repeats import session_pairs
from robovlms_mobile.errors import ConfigError, DataError

SIZES = {"window_size": 4, "fwd_pred_next_n": 3, "image_size": 32}


def take(path, **block):
    return Block(str(path.parent), **block).take([read_episode(path)])[0]


def driven(episode):
    return episode.actions.sum(0) * episode.seconds / episode.length


@pytest.mark.parametrize("rate", [1.0, 3.0, 4.7])
def test_a_lower_rate_takes_the_nearest_frames_and_drives_as_far(tmp_path, rate):
    vintage = july_2026(tmp_path)  # 5.97 frames a second
    whole = read_episode(vintage.path)
    episode = take(vintage.path, rate=rate)
    assert episode.length == pytest.approx(12.4 * rate, abs=1) and episode.seconds == pytest.approx(
        12.4, abs=0.6 / rate
    )
    assert np.abs(episode.rows * 12.4 / 74 - np.arange(episode.length) / rate).max() <= 12.4 / 74 / 2 + 1e-9
    np.testing.assert_allclose(driven(episode), driven(whole), atol=0.15)
    assert episode.events == [vintage.says["events"][row] for row in episode.rows]
    np.testing.assert_array_equal(read_frames(episode, [0, 3, 3, 5], "rgb"), vintage.frames[episode.rows[[0, 3, 3, 5]]])
    np.testing.assert_array_equal(
        list(each_frame(episode)), list(np.moveaxis(vintage.frames[episode.rows], -1, 1)[:, ::-1])
    )


def test_frames_go_by_their_own_times_where_they_have_them(tmp_path):
    episode = take(june_2026(tmp_path).path, rate=2)
    whole = read_episode(episode.path)
    wanted = np.arange(episode.length) / 2
    nearest = np.abs(np.array(whole.times)[:, None] - wanted).argmin(0)
    assert episode.rows.tolist() == nearest.tolist()
    assert episode.times == [whole.times[row] for row in nearest]


def test_about_the_recorded_rate_leaves_an_episode_as_it_is(tmp_path):
    vintage = november_2025(tmp_path)
    episode = take(vintage.path, rate=18 / 6.1)
    np.testing.assert_array_equal(episode.actions, vintage.actions)
    assert episode.length == 18


@pytest.mark.parametrize(
    ("layout", "rate", "what"), [("two_columns", 2, "nothing of its times"), ("july_2026", 8, "5.97")]
)
def test_frames_that_were_not_recorded_are_not_made_up(tmp_path, layout, rate, what):
    with pytest.raises(DataError, match=what):
        take(VINTAGES[layout](tmp_path).path, rate=rate)


def test_events_are_left_out_with_their_frames(tmp_path):
    vintage = july_2026(tmp_path)
    episode = take(vintage.path, leave_out=["stop_inject"])
    kept = [t for t, event in enumerate(vintage.says["events"]) if event != "stop_inject"]
    assert episode.rows.tolist() == kept and episode.seconds == pytest.approx(12.4 * len(kept) / 74)
    np.testing.assert_array_equal(episode.actions, vintage.actions[kept])
    slower = take(vintage.path, leave_out=["stop_inject"], rate=3)
    assert set(slower.rows) <= set(kept) and "stop_inject" not in slower.events


def test_an_event_that_no_file_has_is_refused_with_those_there_are(tmp_path):
    with pytest.raises(ConfigError, match=r"stop_injct.*keyboard \(\d+\)"):
        take(july_2026(tmp_path).path, leave_out=["stop_injct"])
    block, calm = Block(str(tmp_path), leave_out=["stop_inject"]), read_episode(november_2025(tmp_path).path)
    assert block.take([calm], elsewhere=True) == [calm]  # of a folder where nobody stopped


def test_an_episode_of_which_nothing_is_left_is_named(tmp_path):
    episode = read_episode(july_2026(tmp_path).path)
    idle = replace(episode, path=tmp_path / "episode_2.h5", events=["stop_inject"] * 74)
    with pytest.warns(UserWarning, match=r"1 episodes: episode_2\.h5"):
        assert len(Block(str(tmp_path), leave_out=["stop_inject"]).take([episode, idle])) == 1


def test_a_file_that_is_shifted_already_is_not_shifted_twice(tmp_path):
    pairs = []
    for shifted in (False, True):
        folder = tmp_path / str(shifted)
        folder.mkdir()
        episode = take(june_2026(folder, shifted=shifted).path, shift_first=True)
        pairs.append(episode.actions[1:])  # what training pairs with frames 0, 1, …
    np.testing.assert_array_equal(*pairs)


@pytest.mark.parametrize(
    ("says", "shifted"),
    [
        ({"mode": "unshifted_actions"}, False),
        ({"action_mode": "no_shift"}, False),
        ({"control_mode": "not shifted"}, False),
        ({"action_mode": "Shift"}, True),
        ({"action_shift": "none"}, False),
        ({"action_shift": 0}, False),
        ({"action_shift": "1"}, True),
    ],
)
def test_a_file_says_in_words_or_numbers_whether_it_is_shifted(tmp_path, says, shifted):
    path = november_2025(tmp_path).path
    with h5py.File(path, "a") as file:
        file.attrs.update(says)
    assert read_episode(path).shifted == shifted


def test_columns_are_what_the_file_or_else_the_config_calls_them(tmp_path):
    vintage = differential(tmp_path)
    turning = {"real_dims": ("linear_x", "angular_z")}
    named = take(vintage.path, **turning, recorded_dims=["linear_x", "linear_y"])
    np.testing.assert_array_equal(named.actions, vintage.actions)  # the file's word counts
    bare = replace(named, attributes={}, dims=("linear_x", "linear_y"), actions=named.actions[:, [0, 2, 1]])
    (told,) = Block(str(tmp_path), **turning, recorded_dims=["linear_x", "angular_z"]).take([bare])
    np.testing.assert_array_equal(told.actions, vintage.actions)
    with pytest.raises(DataError, match=r"names 1 columns, 'actions' has 2"):
        Block(str(tmp_path), recorded_dims=["linear_x"]).take([bare])


def test_what_was_not_recorded_is_not_trained_as_zero(tmp_path):
    with pytest.raises(DataError, match=r"linear_y is trained and was not recorded.*linear_x, angular_z"):
        take(differential(tmp_path).path)
    with pytest.raises(DataError, match="angular_z is trained"):
        take(VINTAGES["two_columns"](tmp_path).path, real_dims=("linear_x", "linear_y", "angular_z"))


def test_the_config_says_which_attributes_tell_scenario_pattern_and_session(tmp_path):
    path = july_2026(tmp_path).path
    assert take(path).scenario == "left"
    sources = {"scenario": ["nowhere", "cx_position"], "pattern": "cx_path"}
    episode = take(path, scenario_from=sources)
    assert (episode.scenario, episode.attributes["pattern"]) == ("center", "left")


def test_a_session_is_told_by_attributes_where_names_do_not(tmp_path):
    one = read_episode(july_2026(tmp_path).path)
    soon = replace(one, path=tmp_path / "episode_260702_180300_cup.h5")
    late = replace(one, path=tmp_path / "episode_260702_190000_cup.h5")
    assert session_pairs([one, soon, late]) == [(one.name, soon.name)]
    other = replace(soon, attributes={"cx_position": "far"})
    assert session_pairs([one, other]) == []  # another layout
    for session in ("monday", 7):
        named = [replace(each, attributes={"session": session}) for each in (one, late)]
        assert session_pairs(named) == [(one.name, late.name)]
    (told,) = Block(str(tmp_path), scenario_from={"session": "day"}).take([replace(one, attributes={"day": "Monday"})])
    assert told.attributes["session"] == "monday"


def test_a_dataset_shows_and_teaches_the_frames_it_takes(tmp_path):
    paths = [july_2026(tmp_path, seed).path.rename(tmp_path / f"episode_26070{seed}_120000.h5") for seed in (1, 2, 3)]
    block = {"instruction": "Go.", "rate": 3, "leave_out": ["stop_inject"], "on_bad_episode": "stop"}
    fresh, stored = (
        MobileVLAH5Dataset(data_dir=str(tmp_path), is_validation=False, **block, **SIZES) for _ in range(2)
    )
    fresh.store = None
    episode, start = fresh.samples[3]
    assert len(fresh) == sum(take(tmp_path / each.name, **block).length for each in fresh.episodes)
    for one, other in ((fresh[3], stored[3]), (fresh[len(fresh) - 1], stored[len(fresh) - 1])):
        np.testing.assert_array_equal(one["rgb"], other["rgb"])
    np.testing.assert_array_equal(stored[3]["rgb"], stored.store.planes(episode.name)[episode.rows[start : start + 4]])
    assert len(paths) == 3


def test_data_check_says_what_a_run_would_stop_at(tmp_path):
    differential(tmp_path)
    found = check_folder(Block(str(tmp_path)))
    assert any("a run would stop: episode_20260901" in each.problem for each in found.warnings)


@pytest.mark.parametrize(
    ("key", "value"),
    [("rate", 0), ("rate", "3"), ("leave_out", "stop"), ("scenario_from", {"place": "x"}), ("recorded_dims", ["up"])],
)
def test_a_wrong_value_is_refused_by_name(tmp_path, key, value):
    with pytest.raises(ConfigError, match=f"{key} is"):
        Block(str(tmp_path), **{key: value})
