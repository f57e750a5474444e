import numpy as np
import pytest
from support.episodes import picture, recorded

from robovlms_mobile.data.split.near_duplicates import similar_pairs
from robovlms_mobile.data.split.repeats import chained, copy_pairs, session_pairs


def groups_of(episodes):
    names = [each.name for each in episodes]
    return chained(names, copy_pairs(names) + session_pairs(episodes))


@pytest.mark.parametrize(("minutes", "groups"), [([0, 4, 8, 12], 1), ([0, 4, 10, 14], 2), ([0, 6, 12, 18], 4)])
def test_a_session_is_a_chain_of_starts_at_most_five_minutes_apart(minutes, groups):
    assert len(groups_of([recorded("1box_hori_left", each) for each in minutes])) == groups


def test_another_layout_in_between_neither_joins_nor_ends_a_session():
    episodes = [recorded("1box_hori_left", 0), recorded("1box_hori_right", 1), recorded("1box_hori_left", 2)]
    assert sorted(map(len, groups_of(episodes))) == [1, 2]
    assert len(groups_of([recorded("1box_hori_left", 0), recorded("1box_hori_left", 1, distance="far")])) == 2


def test_a_copy_under_another_scenario_is_the_same_recording():
    episodes = [recorded("1box_hori_left", 0), recorded("2box_vert_right", 0)]
    assert len(groups_of(episodes)) == 1


def test_equal_actions_alone_are_no_reason_to_stay_together():
    episodes = [recorded("1box_hori_left", 60 * hour) for hour in range(5)]  # all of them stand still
    assert len(groups_of(episodes)) == 5


def test_one_different_picture_of_three_makes_no_near_duplicate():
    same, other = picture(0), picture(0)
    other[1] = picture(1)[1]
    assert similar_pairs({"a": same, "b": same.copy(), "c": other}) == [("a", "b")]


def test_the_search_for_near_duplicates_finds_what_comparing_all_pairs_finds():
    rng = np.random.default_rng(0)
    base = rng.integers(40, 200, (12, 3, 16, 16))
    signatures = {
        f"{number:03}": np.clip(base[number % 12] + rng.normal(0, rng.uniform(0, 4), (3, 16, 16)), 0, 255).astype(
            np.uint8
        )
        for number in range(120)
    }
    names = sorted(signatures)
    every = [
        (one, other)
        for number, one in enumerate(names)
        for other in names[number + 1 :]
        if np.abs(signatures[one].astype(int) - signatures[other]).mean((1, 2)).max() <= 3.0
    ]
    assert len(every) > 50
    assert similar_pairs(signatures) == every
