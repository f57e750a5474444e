"""Figures of predictions against ten plain lines that compute the same another way, and where they are undefined."""

import numpy as np
import pytest

from robovlms_mobile.data.directions import DIRECTIONS, directions
from robovlms_mobile.scoring.baselines import NAMES, Baselines
from robovlms_mobile.scoring.figures import figures, paired_change, with_intervals
from robovlms_mobile.scoring.scored import Scored, usual_speed

SPEED = 1.15
DIMS = ("linear_x", "linear_y")


def keys(rng, frames):
    """(frames, 2) of a keyboard: each axis -1.15, 0 or 1.15 m/s."""
    return rng.integers(-1, 2, (frames, 2)) * SPEED


@pytest.fixture(scope="module")
def episodes():
    rng = np.random.default_rng(4)
    found = []
    for number in range(12):
        actual = keys(rng, 9 + number)
        predicted = np.stack([np.roll(actual, -ahead, 0) for ahead in range(4)], 1)  # (T, 4, 2)
        found.append(Scored(f"e{number}", "a", predicted + rng.normal(0, 0.5, predicted.shape), actual, 0.5))
    return found


def test_figures_are_those_of_a_plain_computation(episodes):
    found = figures(episodes, DIMS, SPEED)
    errors = np.concatenate([each.predicted[:, 0] - each.actual for each in episodes])
    true = [tuple(np.sign(action)) for each in episodes for action in each.actual]
    guess = [tuple(np.rint(np.clip(a / SPEED, -1, 1)) + 0.0) for each in episodes for a in each.predicted[:, 0]]
    hits = [a == b for a, b in zip(true, guess, strict=True)]
    recall = {key: np.mean([hit for hit, a in zip(hits, true, strict=True) if a == key]) for key in set(true)}
    assert found["n_episodes"] == 12 and found["n_frames"] == len(errors)
    assert found["mae"] == pytest.approx(np.abs(errors).mean())
    assert found["rmse"] == pytest.approx(np.sqrt((errors**2).mean()))
    assert found["mae_by_dim"]["linear_y"] == pytest.approx(np.abs(errors[:, 1]).mean())
    assert found["direction_accuracy"] == pytest.approx(np.mean(hits))
    assert found["balanced_direction_accuracy"] == pytest.approx(np.mean(list(recall.values())))
    assert found["stop_recall"] == pytest.approx(recall[(0, 0)])
    ends = [np.linalg.norm((each.predicted[:, 0] - each.actual).sum(0) * 0.5) for each in episodes]
    assert found["final_position_error"] == pytest.approx(np.mean(ends))
    third = np.concatenate([each.predicted[:-2, 2] - each.actual[2:] for each in episodes])
    assert found["mae_by_horizon"][2] == pytest.approx(np.abs(third).mean())


def test_only_frames_whose_direction_is_new_count_as_a_change():
    actual = np.array([[1, 0], [1, 0], [0, 1], [0, 1], [0, 0]]) * SPEED
    late = np.concatenate([actual[:1], actual[:-1]])  # the previous action
    scored = Scored("e", "a", late[:, None], actual)
    found = figures([scored], DIMS, SPEED)
    assert found["change_accuracy"] == 0 and found["direction_accuracy"] == pytest.approx(3 / 5)


def test_what_no_frame_tells_is_none():
    forward = np.tile([SPEED, 0.0], (5, 1))
    found = figures([Scored("e", "a", forward[:, None], forward)], DIMS, SPEED)
    assert found["stop_recall"] is None and found["change_accuracy"] is None and found["direction_accuracy"] == 1


def test_intervals_hold_the_figure_and_widen_with_fewer_episodes(episodes):
    many, few = with_intervals(episodes, DIMS, SPEED), with_intervals(episodes[:4], DIMS, SPEED)
    for name in ("mae", "balanced_direction_accuracy", "final_position_error"):
        low, high = many[f"{name}_ci95"]
        assert low <= many[name] <= high
    width = [high - low for low, high in (many["direction_accuracy_ci95"], few["direction_accuracy_ci95"])]
    assert 0 < width[0] < width[1]
    assert len(many["mae_by_horizon_ci95"]) == 4 and set(many["mae_by_dim_ci95"]) == set(DIMS)


def test_an_interval_of_episodes_all_alike_is_not_narrowed_by_their_frames():
    """Half of the episodes wholly right, half wholly wrong: 8 episodes tell little, however many frames they have."""
    ahead, back = np.tile([SPEED, 0.0], (100, 1)), np.tile([-SPEED, 0.0], (100, 1))
    mixed = [Scored(f"e{n}", "a", (ahead if n % 2 else back)[:, None], ahead) for n in range(8)]
    low, high = with_intervals(mixed, DIMS, SPEED)["direction_accuracy_ci95"]
    assert low < 0.25 and high > 0.75


def test_a_paired_change_cancels_what_is_hard_for_both():
    """Episodes between easy and hopeless, the other always 0.1 m/s worse: nobody doubts that."""
    rng = np.random.default_rng(2)
    actual = [keys(rng, 20) for _ in range(10)]
    one = [Scored(f"e{n}", "a", (each + n)[:, None], each) for n, each in enumerate(actual)]
    other = [Scored(f"e{n}", "a", (each + n + 0.1)[:, None], each) for n, each in enumerate(actual)]
    change = paired_change(one, other, DIMS, SPEED)
    assert change["mae"] == pytest.approx(0.1) and change["mae_ci95"] == pytest.approx([0.1, 0.1])
    low, high = with_intervals(one, DIMS, SPEED)["mae_ci95"]
    assert high - low > 1
    same = paired_change(one, one, DIMS, SPEED)
    assert same["direction_accuracy"] == 0 and same["final_position_error_ci95"] == [0, 0]
    with pytest.raises(ValueError, match="same episodes"):
        paired_change(one, other[1:], DIMS, SPEED)


def test_dims_in_any_order_are_the_same_robot_and_turning_bends_its_path():
    actual = np.array([[SPEED, 0.0], [0.0, SPEED], [SPEED, 0.0]])
    predicted = np.roll(actual, 1, 0)
    usual = figures([Scored("e", "a", predicted[:, None], actual)], DIMS, SPEED)
    turned = figures([Scored("e", "a", predicted[:, None, ::-1], actual[:, ::-1])], DIMS[::-1], SPEED)
    assert turned["direction_accuracy"] == usual["direction_accuracy"] == pytest.approx(1 / 3)
    ahead, quarter = np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([[1.0, np.pi / 2], [1.0, 0.0]])
    found = figures([Scored("e", "a", quarter[:, None], ahead)], ("linear_x", "angular_z"), 1.0)
    assert found["final_position_error"] == pytest.approx(2**0.5)  # at (1, 1) instead of (2, 0)


def test_usual_speed_is_that_of_what_moves():
    plane = ("linear_x", "linear_y")
    assert usual_speed([np.array([[SPEED, 0], [0, 0], [0, -SPEED]])], plane) == pytest.approx(SPEED)
    assert usual_speed([np.zeros((3, 2))], plane) > 0
    turning = np.array([[9.0, 0.0, SPEED], [9.0, 0.0, 0.0]])
    assert usual_speed([turning], ("angular_z", "linear_y", "linear_x")) == pytest.approx(SPEED), "rad/s are no speed"


def test_a_prediction_between_two_keys_is_the_nearer():
    near = np.array([[0.4 * SPEED, 0.9 * SPEED], [0.6 * SPEED, 0.0]])
    assert [DIRECTIONS[number].name for number in directions(near, SPEED / 2)] == ["left", "forward"]


@pytest.mark.parametrize("name", NAMES)
def test_a_baseline_predicts_chunks_of_its_own_sequence(name):
    rng = np.random.default_rng(1)
    actions = [keys(rng, 6) for _ in range(5)]
    told = Baselines(actions, ["a"] * 5).predict(name, actions[0], "a", 3)
    assert told.shape == (6, 3, 2)
    if name == "previous_action":
        assert (told[1:, 0] == actions[0][:-1]).all() and (told[0] == 0).all()
    else:
        assert (told[1:, 0] == told[:-1, 1]).all()
