"""The report's numbers, on episodes made by hand: known actions in, known counts and errors out."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robovlms_mobile.data.directions import DIRECTIONS, directions
from robovlms_mobile.data.episodes import Episode
from robovlms_mobile.data.hdf5.episode_file import read_episode
from robovlms_mobile.data.split.kept import manifest_path
from robovlms_mobile.data.split.manifest import Manifest, save
from robovlms_mobile.report.blind_errors import measure
from robovlms_mobile.report.duplicates import near_duplicates
from robovlms_mobile.report.facts import describe
from robovlms_mobile.report.needs import grid, needs, spoken
from robovlms_mobile.report.records import NOMINAL_STEP, SCENARIOS, UNKNOWN, Record, read_records, record_of
from robovlms_mobile.report.sequences import by_frame, change_rate, histogram, letters
from robovlms_mobile.report.settings import Settings, settings_of
from robovlms_mobile.scoring.trajectories import integrate

SPEED = 1.15
SIGNS = {direction.key[0]: direction.signs for direction in DIRECTIONS[:-1]} | {".": (0, 0)}


def velocities(keys):
    """Keys such as `.wwq` → (T, 2) m/s."""
    return np.array([SIGNS[key] for key in keys], float) * SPEED


def record(keys, number=0, scenario="1box_hori_left", pattern="core", distance="close", instruction=None):
    """A Record of an episode that was driven with `keys`."""
    actions = np.concatenate([velocities(keys), np.zeros((len(keys), 1))], axis=1).astype(np.float32)
    episode = Episode(Path(f"episode_{number:03d}.h5"), "images", len(keys), actions, instruction, scenario)
    return Record(episode, scenario, pattern, distance, None, NOMINAL_STEP, False, (64, 36))


def test_every_key_is_its_own_direction():
    keys = "wedcszaq."
    assert directions(velocities(keys)).tolist() == list(range(9))
    assert letters(directions(velocities("ww.q"))) == "w w · q"


def test_a_velocity_too_small_to_move_is_a_stop():
    assert directions(np.array([[0.01, -0.04], [0.06, 0.0]])).tolist() == [8, 0]


def test_histograms_count_every_action_once():
    sequences = [directions(velocities(keys)) for keys in (".wwq", ".wq")]
    assert histogram(sequences).tolist() == [3, 0, 0, 0, 0, 0, 0, 2, 2]
    frames = by_frame(sequences)
    assert frames.shape == (4, 9)
    assert frames.sum(axis=1).tolist() == [2, 2, 2, 1]
    assert frames[2, 0] == frames[2, 7] == 1


def test_change_rate_counts_only_episodes_that_are_long_enough():
    sequences = [directions(velocities(keys)) for keys in (".wwq", ".wq")]
    rate = change_rate(sequences)
    assert np.isnan(rate[0])
    assert rate[1:].tolist() == [1.0, 0.5, 1.0]


def test_baselines_have_the_errors_worked_out_by_hand():
    both = {each.name: each for each in measure([velocities(".ww"), velocities(".wa")], ["left", "left"])}
    apart = SPEED * 2**0.5  # between w and a
    assert both["previous action"].error == pytest.approx((SPEED + 0 + SPEED + apart) / 4)
    assert both["frame number alone"].error == pytest.approx((0 + apart + 0 + apart) / 4)
    half = np.array([0.5, 0.5]) * SPEED  # the mean of .wa without its first frame; that of .ww is (1, 0)
    to_half = np.linalg.norm(np.array([SPEED, 0]) - half)
    assert both["mean action"].error == pytest.approx((to_half + to_half + 0 + apart) / 4)
    assert both["frame number alone"].by_frame == (None, pytest.approx(0), pytest.approx(apart))


def test_an_episode_never_predicts_itself():
    alone = measure([velocities(".w"), velocities(".a"), velocities(".d")], ["x", "y", "z"])
    errors = {each.name: each.error for each in alone}
    assert errors["frame number and scenario"] == pytest.approx(errors["frame number alone"])  # no twin: falls back
    assert errors["frame number alone"] > SPEED


def test_scenario_helps_where_scenarios_differ():
    episodes = [velocities(".aa"), velocities(".aa"), velocities(".dd"), velocities(".dd")]
    errors = {each.name: each.error for each in measure(episodes, ["left", "left", "right", "right"])}
    assert errors["frame number and scenario"] == pytest.approx(0)
    assert errors["frame number alone"] > 1


def test_too_little_to_predict_from_gives_no_baselines():
    assert measure([velocities(".ww")], ["x"]) == ()
    assert measure([velocities("."), velocities(".")], ["x", "x"]) == ()


def test_a_path_adds_up_velocities_in_the_robots_own_axes():
    assert integrate([[1, 0, 0], [0, 1, 0]], 2.0).tolist() == [[0, 0], [2, 0], [2, 2]]
    turned = integrate([[0, 0, np.pi / 2], [1, 0, 0]], 1.0)  # a quarter turn to the left, then on
    assert np.allclose(turned[-1], [0, 1])


def test_near_duplicates_are_alike_in_pictures_and_say_whether_in_actions():
    grey = np.full((3, 16, 16), 100, np.uint8)
    signatures = {"a": grey, "b": grey + 2, "c": grey + 5, "d": grey + 60}
    drive, other = np.zeros((2, 3)), np.ones((2, 3))
    pairs = near_duplicates(signatures, {"a": drive, "b": other, "c": drive, "d": drive})
    found = [(pair.first, pair.second, pair.same_actions) for pair in pairs]
    assert found == [("a", "b", False), ("b", "c", False), ("a", "c", True)]
    assert pairs[0].distance == pytest.approx(2)


def test_the_rarest_combinations_come_first():
    records = [record(".w", n, pattern=pattern) for n, pattern in enumerate(["core"] * 9 + ["variant"])]
    counts = grid(records, SCENARIOS[:1])
    assert counts == {("1box_hori_left", "core", "close"): 9, ("1box_hori_left", "variant", "close"): 1}
    first = needs(counts, np.ones((1, 9), int), {})[0]
    assert first.what == "Record 4 more: 1 box, hori, left; pattern variant; distance close."
    assert "1 so far" in first.why


def test_needs_name_directions_never_driven_frames_that_give_the_answer_away_and_a_single_light():
    frames = by_frame([directions(velocities(".wwwa"))] * 10)
    said = " ".join(
        need.what for need in needs({("x_y_z", "core", "close"): 1}, frames, {"morning": 10}, ["2box_vert_left"])
    )
    assert "back (s)" in said
    assert "frames 1 to 4" in said
    assert "another time of day than morning" in said
    assert "2 boxes, vert, left" in said


def test_names_without_a_scenario_are_told_so():
    assert "Name the files" in needs({}, np.ones((1, 9), int), {})[0].what


def test_a_scenario_is_spoken_in_words():
    assert spoken("2box_hori_left") == "2 boxes, hori, left"


def test_facts_of_a_handful_of_records():
    records = [
        record(".wwwwwwwwwwwwwwwww", 0, instruction="가세요"),
        record(".wwwwwwwwwwwwwwwwq", 1, scenario="2box_vert_right", distance="far"),
        record(".wwwwwwwwwwwwwwwww", 2, scenario=UNKNOWN, pattern=UNKNOWN, distance=UNKNOWN),
    ]
    facts = describe("data", records, Settings(split="sorted"), {}, bad=["one.h5: broken"])
    assert (facts.episodes, facts.frames, facts.distinct) == (3, 54, 2)
    assert facts.scenarios["1box_hori_left"] == 1
    assert facts.scenarios["1box_vert_left"] == 0
    assert list(facts.scenarios)[-1] == UNKNOWN
    assert facts.lengths == {18: 3}
    assert facts.sequences[0][1] == 2
    assert (facts.sides.training.windows, facts.sides.validation.windows) == (36, 18)
    assert facts.sides.hidden == ""
    assert facts.ratio is None
    assert facts.bad == ("one.h5: broken",)
    assert json.loads(json.dumps(facts.to_json()))["combinations"][0]["episodes"] == 1


def test_what_full_windows_hide_is_a_fact():
    records = [record(".wwwwwwwwwwwwwwwww", number) for number in range(5)]
    facts = describe("data", records, Settings(split="sorted", windows="full"), {})
    assert (facts.sides.training.windows, facts.sides.validation.windows) == (20, 5)
    assert facts.sides.hidden == "frames 8-17 of 18 are never seen (56% of all frames)"


def test_the_sides_are_those_of_the_split_kept_for_this_data(tmp_path):
    records = [record(".wwwwwwwwwwwwwwwww", number) for number in range(5)]
    settings = Settings(split="sorted")
    names = [each.name for each in records]
    kept = Manifest(0.8, "sorted", "episode_*.h5", dict.fromkeys(names[1:]), {names[0]: None})
    before = describe(tmp_path, records, settings, {}).sides
    save(manifest_path(settings.block(tmp_path)), kept)
    records[0] = replace(records[0], scenario="2box_vert_right")
    after = describe(tmp_path, records, settings, {}).sides
    assert (before.validation.scenarios, after.validation.scenarios) == ({"1box_hori_left": 1}, {"2box_vert_right": 1})


def test_one_episode_is_described_and_says_why_it_is_not_split():
    facts = describe("data", [record(".ww")], Settings(), {})
    assert facts.sides is None
    assert "1 episodes" in facts.unsplit
    assert facts.baselines == ()


def test_an_action_that_turns_is_counted_apart():
    turning = record(".ww")
    turning.episode.actions[1, 2] = SPEED
    assert describe("data", [turning], Settings(), {}).turning == 1


def test_a_record_knows_when_it_was_made_and_how_long_a_step_takes(episodes):
    first = record_of(read_episode(sorted(episodes.glob("*.h5"))[0]))
    assert f"{first.started:%Y%m%d}" == "20251114"
    assert first.timed
    assert 0.3 < first.step < 3
    assert first.scenario in SCENARIOS
    assert first.size == (64, 36)


def test_a_duration_that_is_no_number_counts_as_not_there(episodes, tmp_path):
    import h5py

    path = tmp_path / "episode_99999999_999999.h5"  # nor is that a date
    path.write_bytes(sorted(episodes.glob("*.h5"))[0].read_bytes())
    for value in ("long", np.nan, -3.0, np.arange(4.0)):
        with h5py.File(path, "a") as file:
            file.attrs["total_duration"] = value
        read = record_of(read_episode(path))
        assert (read.timed, read.step, read.started, read.pattern) == (False, NOMINAL_STEP, None, UNKNOWN)


def test_a_bad_file_is_named_and_the_others_are_read(episodes, tmp_path):
    good = sorted(episodes.glob("*.h5"))[0]
    bad = tmp_path / "episode_bad.h5"
    bad.write_bytes(good.read_bytes()[:500])
    records, problems = read_records([good, bad])
    assert len(records) == 1
    assert "episode_bad.h5" in problems[0]


def test_settings_come_from_the_training_block():
    config = {
        "window_size": 2,
        "fwd_pred_next_n": 3,
        "train_dataset": {
            "type": "MobileVLAH5Dataset",
            "color_order": "bgr",
            "windows": "full",
            "episode_pattern": "e*",
        },
        "mobile": {"frames": {"dir": "somewhere"}},
    }
    wanted = replace(Settings(), pattern="e*", color_order="bgr", windows="full", window_size=2, chunk_size=3)
    off = {"mirror": 0.0, "color_jitter": 0.0, "random_crop": 1.0, "rgb_pad": 0}
    assert settings_of(config) == replace(wanted, frames_dir="somewhere", augmentation=off)
    assert settings_of(None) == Settings()
