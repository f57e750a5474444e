import json
import random
import threading
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from robovlms_mobile.data.episodes import NAME, Episode
from robovlms_mobile.data.split import manifest as manifests
from robovlms_mobile.data.split.manifest import changes, divide, load
from robovlms_mobile.data.split.near_duplicates import similar_pairs
from robovlms_mobile.data.split.repeats import chained, copy_pairs, session_pairs
from robovlms_mobile.data.split.stratify import split_sorted, split_stratified
from robovlms_mobile.data.windows import window_starts
from robovlms_mobile.errors import DataError
from robovlms_mobile.simulation.recordings import episode_names
from robovlms_mobile.simulation.world import SCENARIOS


def episode(name):
    match = NAME.match(name)
    actions = np.zeros((18, 3), np.float32)
    return Episode(Path(f"{name}.h5"), "images", 18, actions, None, match["scenario"] if match else None)


def recorded(scenario, minutes, pattern="core", distance="medium"):
    started = datetime(2025, 11, 14, 9) + timedelta(minutes=minutes)
    return episode(f"episode_{started:%Y%m%d_%H%M%S}_{scenario}_{pattern}_{distance}")


def a_day(count=136):
    return [episode(name) for name in episode_names(count)]


def scenarios_of(names):
    found = [NAME.match(name)["scenario"] for name in names]
    return {scenario: found.count(scenario) for scenario in sorted(set(found))}


def groups_of(episodes):
    names = [each.name for each in episodes]
    return chained(names, copy_pairs(names) + session_pairs(names))


def automatic_day(scenarios, count=136, interleaved=False):
    """A day's automatic recording: an episode every 47 seconds, scenario after scenario or in turns."""
    each = count // len(scenarios)
    order = scenarios * each if interleaved else [name for name in scenarios for _ in range(each)]
    return [recorded(name, number * 47 / 60) for number, name in enumerate(order)]


def picture(seed):
    return np.random.default_rng(seed).integers(0, 256, (3, 16, 16), np.uint8)


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


@pytest.mark.parametrize("minutes", [[], [0]])
def test_an_empty_side_is_an_error_with_the_numbers_and_a_way_out(minutes):
    episodes = [recorded("1box_hori_left", each) for each in minutes]
    with pytest.raises(DataError, match=rf"{len(minutes)} episodes at train_split 0.8.*Record more"):
        split_stratified(episodes, 0.8)


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
    split = split_sorted(a_day(10)[::-1], 0.8)
    assert split.train + split.validation == sorted(each.name for each in a_day(10))
    assert len(split.train) == 8


# The manifest


def digests_of(episodes, **changed):
    return {each.name: changed.get(each.name, f"{number:032x}") for number, each in enumerate(episodes)}


def test_a_manifest_gives_the_same_split_again_and_is_not_rewritten(tmp_path):
    path, episodes = tmp_path / "split.json", a_day(40)
    first, said = divide(path, episodes, digests_of(episodes))
    assert not any("since" in each for each in said)
    before = path.stat().st_mtime_ns
    again, _ = divide(path, episodes[::-1], digests_of(episodes))
    assert (again.train, again.validation) == (first.train, first.validation)
    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize("split", ["stratified", "sorted"])
def test_new_episodes_never_move_old_ones(tmp_path, split):
    path, rng = tmp_path / "split.json", random.Random(0)
    everything = [*a_day(100), *(episode(name) for name in episode_names(100, seed=1, date="20251106"))]
    rng.shuffle(everything)
    sides = {}
    for count in (20, 21, 40, 100, 101, 200):
        result, _ = divide(path, everything[:count], split=split)
        now = dict.fromkeys(result.train, "train") | dict.fromkeys(result.validation, "validation")
        assert sides.items() <= now.items()
        sides = now
    assert 0.75 <= len(result.train) / 200 <= 0.85
    shares = scenarios_of(result.validation)
    assert len(shares) == 8
    if split == "stratified":
        assert all(abs(count - 5) <= 2 for count in shares.values())  # 5 of 25 each


def test_a_kept_split_with_a_scenario_on_one_side_is_mended_by_new_episodes_alone(tmp_path):
    path, day = tmp_path / "split.json", automatic_day(SCENARIOS[:4])
    old = day[::2]
    sides = [{each.name: None for each in old if (each.scenario == SCENARIOS[3]) == held} for held in (False, True)]
    manifests.save(path, manifests.Manifest(0.8, "stratified", "episode_*.h5", *sides))
    kept, said = divide(path, old)
    assert {*kept.train} == {*sides[0]} and {*kept.validation} == {*sides[1]} and said
    mended, _ = divide(path, day)
    assert {*sides[0]} <= {*mended.train} and {*sides[1]} <= {*mended.validation}
    assert set(scenarios_of(mended.train)) == set(scenarios_of(mended.validation)) == set(SCENARIOS[:4])


def test_a_new_repeat_joins_the_side_of_its_session(tmp_path):
    path, episodes = tmp_path / "split.json", a_day(40)
    first, _ = divide(path, episodes)
    for number, name in enumerate([first.validation[0], first.train[0]]):
        started = datetime.strptime("".join(NAME.match(name).group("date", "time")), "%Y%m%d%H%M%S")
        repeat = episode(f"episode_{started + timedelta(minutes=2):%Y%m%d_%H%M%S}" + name[23:-3])
        result, said = divide(path, [*episodes, repeat])
        assert (repeat.name in result.train) == bool(number)
        assert f"{repeat.name} ({'training' if number else 'validation'})" in said[-1] or number


def test_a_new_near_duplicate_joins_the_side_of_its_original(tmp_path):
    path, episodes = tmp_path / "split.json", a_day(40)
    pictures = {each.name: picture(number) for number, each in enumerate(episodes)}
    first, _ = divide(path, episodes, signature=pictures.__getitem__)
    copy = episode("episode_20251120_120000_1box_hori_left_core_far")
    pictures[copy.name] = pictures[first.validation[0]]
    result, _ = divide(path, [*episodes, copy], signature=pictures.__getitem__)
    assert copy.name in result.validation


def test_pixels_are_looked_at_only_when_there_is_something_to_place(tmp_path):
    path, episodes, looked = tmp_path / "split.json", a_day(20), []

    def signature(name):
        looked.append(name)
        raise KeyError(name)

    divide(path, episodes, signature=signature)
    assert len(looked) == 20
    divide(path, episodes, signature=signature)
    assert len(looked) == 20


def test_new_changed_and_vanished_files_are_said_by_name(tmp_path):
    path, episodes = tmp_path / "split.json", a_day(40)
    divide(path, episodes[:39], digests_of(episodes[:39]))
    _, said = divide(
        path, episodes[1:], digests_of(episodes, **{episodes[5].name: "f" * 32}) | {episodes[7].name: None}
    )
    told = "\n".join(said)
    assert f"1 episode new since the split was made: {episodes[39].name}" in told
    assert "1 episode changed since" in told and episodes[5].name in told
    assert f"1 episode in the split but not among the episodes of this run: {episodes[0].name}" in told
    assert load(path).digests[episodes[5].name] == "f" * 32


def test_a_vanished_file_is_said_where_the_pattern_names_a_folder_too(tmp_path):
    path, episodes = tmp_path / "split.json", a_day(40)
    divide(path, episodes, pattern="day1/episode_*.h5")
    _, said = divide(path, episodes[1:], pattern="day1/episode_*.h5")
    assert episodes[0].name in said[-1]


def test_an_episode_that_comes_back_is_where_it_was(tmp_path):
    path, episodes = tmp_path / "split.json", a_day(40)
    first, _ = divide(path, episodes)
    divide(path, episodes[10:])
    again, said = divide(path, episodes)
    assert (again.train, again.validation) == (first.train, first.validation)
    assert not said and not changes(load(path), load(path), episodes)


def test_episodes_left_out_by_another_pattern_keep_their_side_and_are_no_news(tmp_path):
    path, old, new = tmp_path / "split.json", a_day(40), [episode(name) for name in episode_names(24, date="20251120")]
    first, _ = divide(path, old)
    _, said = divide(path, new, pattern=["episode_20251120_*.h5"])
    assert [each[:15] for each in said if "since" in each or "in the split" in each] == ["24 episodes new"]
    both, said = divide(path, [*old, *new], pattern="episode_*.h5")
    assert not said and set(first.validation) <= set(both.validation) and set(first.train) <= set(both.train)


def test_a_manifest_of_other_settings_is_not_used(tmp_path):
    path, episodes = tmp_path / "split.json", a_day(20)
    divide(path, episodes)
    with pytest.raises(DataError, match=r"split\.json was made with train_split 0\.8, the config says 0\.9"):
        divide(path, episodes, train_split=0.9)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: "[]",
        lambda text: text.replace('"version": 1', '"version": 2'),
        lambda text: text.replace('"train": {', '"trained": {'),
        lambda text: json.dumps({**json.loads(text), "validation": json.loads(text)["train"]}),
        lambda text: json.dumps({**json.loads(text), "train": ["a.h5"]}),
        lambda text: "\udcff",
    ],
)
def test_a_damaged_manifest_is_an_error_that_names_the_file_and_the_next_step(tmp_path, damage):
    path, episodes = tmp_path / "split.json", a_day(20)
    divide(path, episodes)
    path.write_text(damage(path.read_text()), encoding="utf-8", errors="surrogateescape")
    with pytest.raises(DataError, match=r"split\.json.*[Pp]ut back .* or delete the file"):
        divide(path, episodes)


def test_runs_that_write_at_once_agree_and_leave_one_whole_manifest(tmp_path):
    episodes, rounds, wrong = a_day(60), range(10), []
    expected, _ = divide(tmp_path / "expected.json", episodes)
    together = threading.Barrier(4)

    def work():
        for number in rounds:
            together.wait(timeout=30)
            result, _ = divide(tmp_path / f"{number}.json", episodes)
            if result.validation != expected.validation:
                wrong.append(number)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted([*(f"{n}.json" for n in rounds), "expected.json"])
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


def test_a_split_that_cannot_be_kept_is_said_and_used(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(manifests, "save", full)
    result, said = divide(tmp_path / "split.json", a_day(20))
    assert result.train and "No space left on device" in said[-1]
