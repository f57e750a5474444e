from collections import Counter

import numpy as np
import pytest

from robovlms_mobile.data.augment.balance import balanced_indices, chunk_directions
from robovlms_mobile.data.directions import DIRECTIONS, directions
from robovlms_mobile.data.windows import make_window, window_starts
from robovlms_mobile.simulation.driver import KEYS, command

W, STOP, D, Q = ([each.key for each in DIRECTIONS].index(key) for key in ("w", "space", "d", "q"))


def test_the_nine_keys_are_nine_directions_whatever_their_speed():
    actions = np.stack([command(key) for key in KEYS])
    found = directions(actions)
    assert sorted(found) == list(range(9))
    np.testing.assert_array_equal(directions(actions * 0.1), found)
    assert found[list(KEYS).index("stop")] == STOP and found[list(KEYS).index("w")] == W


def test_a_velocity_too_small_to_move_is_standing_still_here_as_in_the_report():
    creeping = np.tile(np.array([0.03, -0.04, 0], np.float32), (18, 1))
    assert chunk_directions(creeping, make_window(0, 18, 4, 10), 10) == {STOP}


def test_rare_windows_come_more_often_and_every_window_at_least_once():
    windows = [{W}] * 90 + [{W, D}] * 9 + [{W, Q}]
    indices = balanced_indices(windows)
    times = Counter(indices)
    assert set(times) == set(range(100))
    assert [times[0], times[90], times[99]] == [1, 3, 4]  # √(100 / 100), √(100 / 9) = 3.3, √100 capped


def test_the_order_is_kept_and_repeats_stand_together():
    indices = balanced_indices([{W}] * 20 + [{Q}])
    assert indices == sorted(indices) and indices[:21] == list(range(21))
    assert indices == balanced_indices([[W]] * 20 + [[Q]])


@pytest.mark.parametrize("limit", [1, 2, 4, 10])
def test_no_window_comes_more_often_than_the_limit(limit):
    windows = [{W}] * 1000 + [{Q}]
    assert Counter(balanced_indices(windows, limit))[1000] == limit


def test_windows_of_equal_directions_are_left_as_they_are():
    assert balanced_indices([{W, Q}] * 7) == list(range(7))
    assert balanced_indices([]) == []


def test_the_share_of_a_rare_direction_rises():
    rng = np.random.default_rng(0)
    windows = [set(rng.choice(9, 3, p=np.array([1, 1, 1, 2, 5, 10, 20, 40, 20]) / 100).tolist()) for _ in range(500)]
    before = Counter(direction for each in windows for direction in each)
    after = Counter(direction for index in balanced_indices(windows) for direction in windows[index])
    rarest = min(before, key=before.get)
    assert after[rarest] / after.total() > 1.5 * before[rarest] / before.total()
    assert max(after.values()) / min(after.values()) < max(before.values()) / min(before.values())


def test_a_window_counts_what_is_predicted_from_its_last_frame():
    keys = ["stop", "d", "q", *["w"] * 15]
    actions = np.stack([command(key) for key in keys])
    found = [chunk_directions(actions, make_window(start, 18, 4, 10), 10) for start in window_starts(18, 4, 10, "full")]
    assert found == [{W}] * 5  # the wait, d and q lie before the fourth frame
    assert chunk_directions(actions, make_window(0, 18, 2, 10), 10) == {D, Q, W}


@pytest.mark.parametrize("shift", [0, 1])
def test_padded_windows_count_real_actions_only(shift):
    actions = np.stack([command(key) for key in ["stop", *["w"] * 15, "d", "q"]])
    for start in window_starts(18, 4, 10, "padded", shift):
        window = make_window(start, 18, 4, 10, shift)
        assert chunk_directions(actions, window, 10) <= set(directions(actions[start:]).tolist())
    assert chunk_directions(actions, make_window(17 - shift, 18, 4, 10, shift), 10) == {Q}
