"""Synthetic episodes: the collector's files, and a task that needs its pictures."""

import dataclasses
import json
import re
import subprocess
import sys
import warnings
from collections import Counter

import h5py
import numpy as np
import pytest

from robovlms_mobile.cli import main
from robovlms_mobile.errors import DataError
from robovlms_mobile.simulation.camera import Camera
from robovlms_mobile.simulation.driver import KEYS, choose_key, command
from robovlms_mobile.simulation.recordings import episode_names, simulate_episode, write_episodes
from robovlms_mobile.simulation.world import SCENARIOS, sample_world

SMALL = (64, 36)
NAME = r"^episode_\d{8}_\d{6}_[12]box_(hori|vert)_(left|right)_(core|variant)_(close|medium|far)$"


@pytest.fixture(scope="module")
def recordings():
    return [simulate_episode(index, seed=1, size=SMALL) for index in range(40)]


def test_a_file_is_what_the_collector_writes(tmp_path):
    path = write_episodes(tmp_path, episodes=1, size=SMALL, instructions="all")[0]
    assert re.match(NAME, path.stem)
    with h5py.File(path) as file:
        assert set(file) == {"images", "actions", "action_event_types", "language_instruction"}
        images, actions = file["images"], file["actions"][()]
        assert (images.shape, images.dtype, images.compression) == ((18, 36, 64, 3), np.uint8, "gzip")
        assert (actions.shape, actions.dtype) == ((18, 3), np.float32)
        assert not actions[0].any()
        assert set(np.unique(actions)) <= {np.float32(-1.15), np.float32(0), np.float32(1.15)}
        events = file["action_event_types"]
        assert tuple(h5py.check_string_dtype(events.dtype)) == ("utf-8", None)  # of any length
        assert events.asstr()[:].tolist() == ["episode_start"] + ["start_action"] * 17
        assert file["language_instruction"].shape == (1,)
        assert "cup" in file["language_instruction"].asstr()[0]
        assert file.attrs["episode_name"] == path.stem
        assert (file.attrs["num_frames"], file.attrs["action_chunk_size"]) == (18, 8)
        assert file.attrs["obstacle_layout_type"] in path.stem
        assert {"total_duration", "time_period", "collection_datetime"} <= set(file.attrs)


def test_a_720p_file_has_the_collectors_chunks_and_weight(tmp_path):
    path = write_episodes(tmp_path, episodes=1)[0]
    with h5py.File(path) as file:
        assert file["images"].shape == (18, 720, 1280, 3)
        assert file["images"].chunks == (3, 90, 160, 1)
    assert 20e6 < path.stat().st_size < 30e6


def test_the_older_layout_keeps_images_under_observations(tmp_path):
    path = write_episodes(tmp_path, episodes=1, size=SMALL, layout="older")[0]
    with h5py.File(path) as file:
        assert set(file) == {"observations", "actions", "language_instruction"}
        assert file["observations/images"].shape == (18, 36, 64, 3)


@pytest.mark.parametrize(("which", "carrying"), [("none", 0), ("some", 2), ("all", 4)])
def test_instructions_are_in_as_many_files_as_asked(which, carrying):
    told = [simulate_episode(index, size=(8, 8), instructions=which).instruction for index in range(4)]
    assert sum(text is not None for text in told) == carrying


def test_every_scenario_comes_up_in_turn():
    assert [simulate_episode(index, size=(8, 8)).world.scenario for index in range(8)] == list(SCENARIOS)


def test_the_same_seed_gives_the_same_episodes_and_another_gives_others(tmp_path):
    once, again = (write_episodes(tmp_path / each, 2, seed=7, size=SMALL) for each in ("a", "b"))
    assert [path.name for path in once] == [path.name for path in again] == [n + ".h5" for n in episode_names(2, 7)]
    for first, second in zip(once, again, strict=True):
        with h5py.File(first) as one, h5py.File(second) as other:
            assert np.array_equal(one["images"][()], other["images"][()])
    assert not np.array_equal(simulate_episode(0, 7, SMALL).images, simulate_episode(0, 8, SMALL).images)


def test_worker_processes_do_not_change_what_is_written(tmp_path):
    alone = write_episodes(tmp_path / "alone", 2, size=SMALL, workers=1)
    pooled = write_episodes(tmp_path / "pooled", 2, size=SMALL, workers=2)
    assert [path.read_bytes() for path in alone] == [path.read_bytes() for path in pooled]


def test_neither_frame_index_nor_scenario_gives_the_action_away(recordings):
    keys = np.array([recording.keys[1:] for recording in recordings])  # (40, 17)
    scenarios = np.array([recording.world.scenario for recording in recordings])
    by_index = [keys[:, index] for index in range(keys.shape[1])]
    by_scenario = [keys[scenarios == scenario].ravel() for scenario in SCENARIOS]
    by_both = [column for scenario in SCENARIOS for column in keys[scenarios == scenario].T]
    for groups in (by_index, by_scenario, by_both):
        guessed = sum(max(Counter(group).values()) for group in groups)
        assert 1 - guessed / keys.size > 0.15


def test_the_driver_is_a_function_of_what_stands_where(recordings):
    for recording in recordings:
        pressed = [choose_key(recording.world, pose) for pose in recording.poses[1:]]
        assert pressed == list(recording.keys[1:])
    assert set().union(*(recording.keys for recording in recordings)) == {"w", "a", "d", "q", "e", "stop"}


def test_each_key_commands_its_axes():
    assert command("q").tolist() == pytest.approx([1.15, 1.15, 0])
    assert command("d").tolist() == pytest.approx([0, -1.15, 0])
    assert len({tuple(command(key)) for key in KEYS}) == 9


def test_poses_follow_from_the_actions(recordings):
    for recording in recordings:
        assert np.array_equal(recording.poses[0], recording.poses[1])
        moved = np.diff(recording.poses[1:, :2], axis=0)
        yaw = recording.poses[0, 2]
        turn = np.array([[np.cos(yaw), np.sin(yaw)], [-np.sin(yaw), np.cos(yaw)]])
        assert np.array_equal(np.sign((moved @ turn.T).round(9)), np.sign(recording.actions[1:-1, :2]))


def test_the_robot_passes_on_the_side_it_was_told_and_touches_nothing(recordings):
    for recording in recordings:
        for box in recording.world.boxes:
            for x, y, _ in recording.poses:
                gap = np.maximum(np.maximum(box.low[:2] - (x, y), (x, y) - box.high[:2]), 0)
                assert np.hypot(*gap) > 0.2
                if box.low[0] < x < box.high[0]:
                    assert recording.world.side * (y - box.y) > 0


def test_driving_forward_makes_the_box_larger_and_going_left_moves_it_right():
    recording = simulate_episode(0, size=(8, 8))
    box, camera = recording.world.boxes[0], Camera(recording.world, 0.0, (160, 90))
    place = [camera.window_of(box, np.array([x, y, 0.34])) for x, y in ((0, 0), (0.15, 0), (0, 0.15))]
    width = [columns.stop - columns.start for _, columns in place]
    assert width[1] > width[0]
    assert place[2][1].start > place[0][1].start


def test_files_of_the_same_names_are_kept_unless_told_otherwise(tmp_path):
    paths = write_episodes(tmp_path, 2, size=SMALL)
    paths[0].unlink()
    before = paths[1].read_bytes()
    with pytest.raises(DataError, match=r"already holds 1 of these 2 episodes.*--force"):
        write_episodes(tmp_path, 2, size=(32, 18))
    assert paths[1].read_bytes() == before
    assert not paths[0].exists()
    write_episodes(tmp_path, 2, size=(32, 18), overwrite=True)
    assert sorted(tmp_path.iterdir()) == sorted(paths)


def test_all_wrong_arguments_are_named_at_once(tmp_path):
    with pytest.raises(DataError, match=r"episodes.*size.*layout.*date"):
        write_episodes(tmp_path / "new", 0, size=(1, 1), layout="x", date="2025")
    assert not (tmp_path / "new").exists()


def test_making_episodes_loads_no_torch():
    code = "import sys, robovlms_mobile.simulation.recordings; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_the_verb_reports_in_json_and_refuses_a_second_time(tmp_path, capsys):
    asked = ["synth", str(tmp_path), "--episodes", "2", "--seed", "3", "--size", "32x18", "--json"]
    assert main(asked) == 0
    assert json.loads(capsys.readouterr().out)["episodes"] == sorted(path.name for path in tmp_path.iterdir())
    assert main(asked) == 1
    assert "already holds 2" in capsys.readouterr().err
    assert main([*asked, "--force"]) == 0


def test_a_pure_red_cup_is_rendered_without_a_warning():
    world = sample_world(SCENARIOS[0], np.random.default_rng(0))
    red = dataclasses.replace(world, cup=dataclasses.replace(world.cup, colour=(1.0, 0.0, 0.0)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frame = Camera(red, red.start[2], (96, 54)).see(*red.start[:2])
    assert np.isfinite(frame).all()
