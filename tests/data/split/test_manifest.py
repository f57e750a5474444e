import json
import random
import threading
from datetime import datetime, timedelta

import pytest
from support.episodes import a_day, automatic_day, episode, picture, scenarios_of

from robovlms_mobile.data.circumstances import NAME
from robovlms_mobile.data.split import manifest as manifests
from robovlms_mobile.data.split.manifest import changes, divide, load
from robovlms_mobile.errors import DataError
from robovlms_mobile.simulation.recordings import episode_names
from robovlms_mobile.simulation.world import SCENARIOS


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
