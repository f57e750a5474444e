import random

import numpy as np
import pytest
from support.episodes import a_day, automatic_day, episode, picture, recorded, scenarios_of

from robovlms_mobile.data.split.stratify import split_sorted, split_stratified
from robovlms_mobile.data.windows import window_starts
from robovlms_mobile.errors import DataError
from robovlms_mobile.simulation.world import SCENARIOS


def test_136_episodes_of_a_day_split_108_to_28_and_every_scenario_alike():
    split = split_stratified(a_day(), 0.8)
    assert (len(split.train), len(split.validation)) == (108, 28)
    assert set(scenarios_of(split.validation)) == set(SCENARIOS)
    assert set(scenarios_of(split.validation).values()) <= {3, 4}  # 3.5 of 17 each
    each = len(window_starts(18, 4, 10, "full"))
    assert (len(split.train) * each, len(split.validation) * each) == (540, 140)


@pytest.mark.parametrize(
    ("scenarios", "interleaved"), [(SCENARIOS[:4], False), (SCENARIOS[:4], True), (SCENARIOS, False)]
)
def test_one_day_of_automatic_recording_has_every_scenario_on_both_sides(scenarios, interleaved):
    episodes = automatic_day(list(scenarios), interleaved=interleaved)
    split = split_stratified(episodes)
    assert (len(split.train), len(split.validation)) == (108, 28)
    assert set(scenarios_of(split.train)) == set(scenarios_of(split.validation)) == set(scenarios)
    (note,) = split.notes
    assert "val_loss is optimistic" in note
    for scenario in scenarios:  # the last part of a session validates
        sides = ["v" if each.name in split.validation else "t" for each in episodes if each.scenario == scenario]
        assert sides == sorted(sides)


@pytest.mark.parametrize("seed", range(20))
def test_every_scenario_of_two_or_more_episodes_is_on_both_sides_whatever_repeats_what(seed):
    rng = random.Random(seed)
    episodes = [recorded(rng.choice(SCENARIOS), rng.choice([0.2, 3, 90]) * n) for n in range(rng.randint(9, 60))]
    episodes = list({each.name: each for each in episodes}.values())
    looks = {each.name: picture(rng.randint(0, 9)) for each in episodes}
    split = split_stratified(episodes, rng.choice([0.5, 0.8, 0.95]), looks)
    counts = scenarios_of([each.name for each in episodes])
    several = {scenario for scenario, count in counts.items() if count > 1}
    assert several <= set(scenarios_of(split.train)) and several <= set(scenarios_of(split.validation))


def test_copies_stay_together_where_a_session_is_divided():
    episodes = automatic_day(["1box_hori_left"], 10)
    names = [each.name for each in episodes]
    looks = {name: picture(number) for number, name in enumerate(names)} | {names[8]: picture(7)}  # 7 and 8 alike
    split = split_stratified(episodes, 0.8, looks)
    assert split.validation == names[9:]
    looks = {name: picture(0) for name in names}  # all alike: they can only be divided
    assert split_stratified(episodes, 0.8, looks).validation == names[8:]


def test_every_episode_is_on_exactly_one_side():
    episodes = a_day(50)
    split = split_stratified(episodes, 0.7)
    assert sorted(split.train + split.validation) == sorted(each.name for each in episodes)


def test_the_order_of_the_files_does_not_matter():
    episodes = a_day()
    shuffled = random.Random(1).sample(episodes, len(episodes))
    assert split_stratified(episodes) == split_stratified(shuffled)


def test_repeats_of_one_session_never_straddle():
    # every scenario in four sessions of five repeats, two minutes apart, sessions an hour apart
    episodes = [
        recorded(scenario, 60 * session + 2 * repeat + 0.1 * number)
        for number, scenario in enumerate(SCENARIOS)
        for session in range(4)
        for repeat in range(5)
    ]
    split = split_stratified(episodes, 0.75)
    train, validation = set(split.train), set(split.validation)
    assert len(split.groups) == 32
    assert all(set(group) <= train or set(group) <= validation for group in split.groups)
    assert scenarios_of(split.validation) == dict.fromkeys(SCENARIOS, 5)


def test_near_duplicates_never_straddle_and_chains_count():
    episodes = [recorded("1box_hori_left", 60 * hour) for hour in range(10)]
    names = [each.name for each in episodes]
    signatures = {name: picture(number) for number, name in enumerate(names)}
    base = np.full((3, 16, 16), 100, np.uint8)
    for step, name in enumerate((names[1], names[4], names[9])):
        signatures[name] = base + np.uint8(2 * step)  # neighbours differ by 2 grey levels, the ends by 4
    split = split_stratified(episodes, 0.8, signatures)
    assert split.groups == [[names[1], names[4], names[9]]]
    assert len({name in split.train for name in split.groups[0]}) == 1


def test_a_scenario_recorded_in_one_session_is_divided_in_time_and_said_once():
    lone = [recorded("2box_vert_left", minute) for minute in range(6)]
    others = [each for each in a_day(40) if each.scenario != "2box_vert_left"]
    split = split_stratified([*others, *lone], 0.8)
    assert [each.name in split.validation for each in lone] == [False] * 4 + [True] * 2
    assert len([note for note in split.notes if f"the 6 episodes from {lone[0].name} on" in note]) == 1


def test_sessions_stay_whole_where_that_gives_the_scenario_about_its_share():
    episodes = [recorded("1box_hori_left", 60 * hour + repeat) for hour in range(4) for repeat in range(5)]
    split = split_stratified(episodes, 0.8)
    assert len(split.validation) == 5 and not split.notes and len(split.groups) == 4


def test_where_no_scenario_can_be_divided_whole_sessions_are_held_out_and_said():
    split = split_stratified(a_day(6), 0.8)  # six scenarios, one episode each
    assert (len(split.train), len(split.validation)) == (4, 2)
    assert any(note.startswith("Not trained") for note in split.notes)


def test_large_sessions_keep_the_ratio_as_near_as_they_can():
    episodes = [recorded("1box_hori_left", 60 * hour + repeat) for hour in range(2) for repeat in range(9)]
    split = split_stratified([*episodes, recorded("1box_hori_left", 600)], 0.8)
    assert sorted([len(split.train), len(split.validation)]) == [1, 18]
    assert len(split.validation) == 1  # 4 wanted: one is nearer than nine


def test_episodes_named_by_time_only_are_split_as_well():
    episodes = [episode(f"episode_20251106_1514{second:02}") for second in range(13)]
    split = split_stratified(episodes, 0.8)
    assert (len(split.train), len(split.validation)) == (10, 3)


@pytest.mark.parametrize("split", [split_stratified, split_sorted])
@pytest.mark.parametrize("minutes", [[], [0]])
def test_an_empty_side_is_an_error_with_the_numbers_and_a_way_out(minutes, split):
    episodes = [recorded("1box_hori_left", each) for each in minutes]
    with pytest.raises(DataError, match=rf"{len(minutes)} episodes at train_split 0.8.*Record more"):
        split(episodes, 0.8)


def test_a_share_that_cannot_be_had_is_said():
    split = split_stratified(a_day(16), 0.8)  # two of each scenario, so one of each validates
    assert len(split.validation) == 8
    assert split.notes == [
        "8 of 16 episodes validate, not 4 as train_split 0.8 says: each of 8 scenarios keeps one for it. Record at "
        "least 5 episodes of each scenario to get that share."
    ]
    assert split_stratified(a_day(40), 0.8).notes == []  # 5 of each


def test_sessions_that_stay_whole_are_said_where_they_change_the_share():
    episodes = [recorded("1box_hori_left", 60 * hour + repeat) for hour in range(2) for repeat in range(9)]
    (note,) = split_stratified([*episodes, recorded("1box_hori_left", 600)], 0.8).notes
    assert "1 of 19 episodes validate, not 4" in note and "in more sessions to get that share." in note


def test_sorted_is_the_order_of_names():
    whole = split_sorted(a_day(), 0.8)
    assert (len(whole.train), len(whole.validation)) == (108, 28)
    split = split_sorted(a_day(10)[::-1], 0.8)
    assert split.train + split.validation == sorted(each.name for each in a_day(10))
    assert len(split.train) == 8
