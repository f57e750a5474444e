"""What misleads a training: each fault planted in a set of synthetic episodes is found, and a clean set raises none."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from support.planted import changed, clean_set, evidence, filmed, shown, sources, swapped, turned, varied_set

from robovlms_mobile.checking.misleading.everything import KINDS, misleading
from robovlms_mobile.checking.misleading.instructions_said import accuracy, script, words
from robovlms_mobile.checking.misleading.motion import motion
from robovlms_mobile.data.one_side import refuse_one_side, uneven
from robovlms_mobile.data.split.stratify import split_sorted
from robovlms_mobile.errors import DataError

SETS, PLANTS = 200, 20  # clean sets, for false alarms; those of them that faults are planted in


@pytest.fixture(scope="module")
def clean():
    """Forty episodes that nothing is wrong with."""
    return clean_set()


def kinds(given):
    """Kind → its findings, where it has any."""
    found = {name: list(kind(given)) for name, kind in KINDS.items()}
    return {name: each for name, each in found.items() if each}


def test_a_clean_set_raises_nothing(clean):
    given = evidence(clean)
    assert kinds(given) == {} and misleading(given) == []
    assert len(given.motion) == len(clean) and misleading(replace(given, episodes=[])) == []


def left(films):
    return [each for each in films if each.episode.scenario.endswith("left")]


def keys_only(film):
    return changed(film, actions=np.float32(1.15) * np.sign(film.episode.actions.round(1)))


def one_sided(films):
    return [*left(films), *(filmed(2 * index, seed=9) for index in range(20, 38)), films[1]]


def always_ahead(films):
    return [changed(each, actions=np.full_like(each.episode.actions, [1.15, 0, 0])) for each in films]


def turning(films):
    """Left and right as a robot does that turns: the pictures move the same way."""
    return [changed(each, actions=each.episode.actions[:, [0, 2, 1]]) for each in films]


def misnamed(films):
    other = {"left": "right", "right": "left"}
    return [
        changed(each, scenario="_".join(other.get(word, word) for word in each.episode.scenario.split("_")))
        if number % 5 == 0
        else each
        for number, each in enumerate(films)
    ]


def korean(films):
    return [*films[4:], *(changed(each, instruction="상자 왼쪽으로 돌아서 컵까지 가세요.") for each in films[:4])]


def german(films):
    return [*films[4:], *(changed(each, instruction="Fahre links um die Kiste.") for each in films[:4])]


def with_plan(films):
    """Each instruction ends with a number for what is driven, frame by frame."""
    plans = {}

    def number(film):
        key = np.sign(film.episode.actions.round(1)).tobytes()
        return plans.setdefault(key, len(plans))

    paths = [each.episode.path for each in films]
    twice = [changed(each, path=path.with_stem(f"{path.stem}_b")) for each, path in zip(films, paths, strict=True)]
    films = [*films, *twice]
    return [changed(each, instruction=f"Drive to the cup, plan {number(each)}.") for each in films]


def without_stops(films):
    def driven(film):
        last = 1 + int(np.flatnonzero(film.episode.actions.any(1)).max())
        cut = changed(film, actions=film.episode.actions[:last], length=last)
        return replace(cut, frames=film.frames[:last], moved=film.moved[: last - 1])

    return [driven(each) for each in films]


def two_rates(films):
    return [changed(each, seconds=each.episode.seconds / (6 if number < 8 else 1)) for number, each in enumerate(films)]


def same_text(films):
    return [changed(each, instruction="Drive to the cup.") for each in films]


def silent(films):
    return [changed(each, color_order=None) for each in films]


def other_day(film):
    path = film.episode.path
    return path.with_name(path.name.replace("20251114", "20251120"))


def a_day_swapped(films):
    """As many again are recorded on another day, with red and blue the other way round, and nobody says so."""
    films = silent(films)
    return [*films, *(swapped(each, path=other_day(each)) for each in films)]


def grey(films):
    return [shown(each.episode, each.frames[:, :1].repeat(3, 1)) for each in silent(films)]


PLANTED = {  # name → (what plants it, the kind that finds it, words of the finding)
    "colours of a day": (a_day_swapped, "colours mixed", "2025-11-20, images, 128x72"),
    "colours not as the files say": (
        lambda films: [swapped(each) for each in films],
        "colours contradicted",
        "files say one order, and their pixels another: 2025-11-14",
    ),
    "grey, and nobody says": (grey, "colours open", "are the colours RGB or BGR?"),
    "99 % left": (one_sided, "one side or action", "38 of 39 episodes pass on the left (97%)"),
    "one action": (always_ahead, "one side or action", "960 of 960 actions are linear_x + (100%)"),
    "all labels turned": (lambda films: list(map(turned, films)), "labels against pixels", "left is recorded as right"),
    "a vintage turned": (
        lambda films: [*map(turned, films[:10]), *films[10:]],
        "labels against pixels",
        "two sign conventions of linear_y",
    ),
    "an episode turned": (
        lambda films: [turned(films[0]), *films[1:]],
        "labels against pixels",
        "linear_y is against the motion in the pictures in 1 of",
    ),
    "turning turned": (
        lambda films: [turned(each, 2) if number < 12 else each for number, each in enumerate(turning(films))],
        "labels against pixels",
        "two sign conventions of angular_z",
    ),
    "mirrored pictures": (
        lambda films: [shown(each.episode, each.frames[..., ::-1]) for each in films],
        "labels against pixels",
        "the pictures are mirrored",
    ),
    "named for the other side": (misnamed, "labels against names", "8 of 40 episodes begin to the other side"),
    "one instruction": (same_text, "constant instruction", "all 40 episodes have one instruction, “Drive to the cup.”"),
    "korean": (korean, "other language", "4 of 40 episodes are told in another language"),
    "german": (german, "other language", "“Fahre links um die Kiste.”"),
    "plan in the text": (with_plan, "gives the action away", "gives the action away"),
    "no stop": (without_stops, "no stop", "no stop in"),
    "two rates": (two_rates, "rates differ", "frames a second: a window is"),
    "keys": (lambda films: list(map(keys_only, films)), "one speed", "linear_x 0 or ±1.15, linear_y 0 or ±1.15"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_is_found(clean, name):
    plant, kind, said = PLANTED[name]
    found = kinds(evidence(plant(clean)))
    assert kind in found, sorted(found)
    assert any(said in each.what for each in found[kind]), [each.what for each in found[kind]]
    assert all(each.where == "the folder" and (each.fix or each.level == "ok") for each in found[kind])


@pytest.mark.parametrize(("turn", "order", "other"), [(changed, "rgb", "bgr"), (swapped, "bgr", "rgb")])
def test_colours_against_the_config_are_an_error_and_unsaid_ones_a_fact(clean, turn, order, other):
    films = [turn(each, color_order=None) for each in clean]
    (finding,) = kinds(evidence(films, color_order=other))["colours contradicted"]
    assert finding.level == "error" and f"color_order is {other}, and the pixels say {order}" in finding.what
    assert f'"color_order": "{order}" into both' in finding.fix and kinds(evidence(films, color_order=order)) == {}
    (finding,) = kinds(evidence(films))["colours open"]
    assert finding.level == "ok" and f"40 files do not say RGB or BGR, and their pixels say {order}" in finding.what


def test_a_run_that_would_ask_is_an_error_of_its_config(clean):
    for order, level in (("", "warn"), (None, "error")):
        (finding,) = kinds(evidence(grey(clean), color_order=order))["colours open"]
        assert finding.level == level and '"color_order": "rgb" or "bgr"' in finding.fix
    assert kinds(evidence(grey(clean), color_order="bgr")) == {}


def test_turning_as_the_pictures_turn_is_no_contradiction(clean):
    assert "labels against pixels" not in kinds(evidence(turning(clean)))


def test_a_scenario_of_several_episodes_on_one_side_of_the_split_alone_is_said(clean):
    given = evidence(clean)
    moved = [each.name for each in given.episodes if each.scenario == "2box_vert_right"]
    split = replace(
        given.split,
        train=[name for name in given.split.train if name not in moved],
        validation=sorted({*given.split.validation, *moved}),
    )
    (text,) = [each.what for each in kinds(replace(given, split=split))["scenario on one side"]]
    assert text == "scenarios that are never trained: 2box_vert_right (5)"
    split = replace(given.split, validation=[name for name in given.split.validation if name not in moved])
    (text,) = [each.what for each in kinds(replace(given, split=split))["scenario on one side"]]
    assert text.startswith("scenarios that are trained and never validated: 2box_vert_right")


def test_a_recording_on_both_sides_of_the_split_is_said(clean):
    """Sorted by name, the split goes through the middle of a session; or a copy validates what was trained."""
    names = [f"episode_20251114_0900{second:02d}_1box_hori_left_core_far.h5" for second in range(12)]
    told = {"scenario": "1box_hori_left", "attributes": {}}
    films = [changed(f, path=f.episode.path.with_name(name), **told) for f, name in zip(clean, names, strict=False)]
    given = evidence(films, split=split_sorted([each.episode for each in films]))
    (text,) = [each.what for each in kinds(given)["recording on both sides"]]
    assert text.startswith(f"1 recordings are on both sides of the split, so val_loss is optimistic: {names[0]}")
    given = evidence(clean)
    pictures = {given.split.train[0]: np.full((3, 16, 16), 90, np.uint8)}
    pictures[given.split.validation[0]] = pictures[given.split.train[0]] + 1
    assert "recording on both sides" in kinds(replace(given, signatures=pictures))


def test_files_that_are_shifted_beside_others_are_named(clean):
    films = [changed(film, shifted=number < 3) for number, film in enumerate(clean)]
    (found,) = kinds(evidence(films))["shifted in part"]
    assert found.what.startswith(f"3 of {len(clean)} files are shifted") and "shift_first" in found.fix
    assert kinds(evidence([changed(film, shifted=True) for film in clean])) == {}


def test_few_episodes_raise_nothing_that_chance_would(clean):
    few = [changed(keys_only(each), instruction="Go.", seconds=1 + each.episode.seconds) for each in left(clean)[:8]]
    assert kinds(evidence(few)) == {}


def test_nearly_one_side_is_refused_and_a_milder_one_is_said(clean):
    episodes = [each.episode for each in one_sided(clean)]
    with pytest.raises(DataError, match=r'38 of 39 episodes pass on the left.*"one_sided": true'):
        refuse_one_side(episodes)
    (mild,) = uneven(
        [*episodes[:16], *(each.episode for each in clean if each.episode.scenario.endswith("right"))][:20]
    )
    assert not mild.refused and str(mild) == "16 of 20 episodes pass on the left (80%)"
    refuse_one_side([each.episode for each in clean])


def test_pictures_without_anything_to_follow_say_nothing():
    noise = np.random.default_rng(0).integers(0, 256, (9, 3, 72, 128), np.uint8)
    assert np.isnan(motion(noise)).all() and np.isnan(motion(np.full((4, 3, 9, 16), 80, np.uint8))).all()
    stripes = np.zeros((3, 3, 72, 128), np.uint8)
    for number in range(3):
        stripes[number, :, :, 40 + 3 * number : 60 + 3 * number] = 200
    assert motion(stripes).tolist() == [1, 1] and motion(stripes[::-1]).tolist() == [-1, -1]
    assert motion(np.repeat(np.repeat(stripes, 5, 2), 5, 3)).tolist() == [1, 1]


def test_accuracy_is_measured_on_others_alone():
    sequences = [np.array([0, 1, 2]), np.array([0, 1, 2]), np.array([0, 2, 1]), np.array([0, 2, 2])]
    assert accuracy(sequences, ["a", "a", "b", "b"])[1] == 0.75
    assert accuracy(sequences[:2], ["go on", "go back"])[1] == 1.0  # by the text nearest to their own
    assert (script("왼쪽으로 go"), script("12"), words("Go, on!")) == ("HANGUL", "", {"go", "on"})


def verdict(films, order):
    """What is decided of a set of one order: right, wrong or undecided."""
    decided = {each.decided for each in sources(films)}
    return {frozenset({order}): "right", frozenset({None}): "undecided"}.get(frozenset(decided), "wrong")


@pytest.mark.slow
def test_what_is_planted_is_found_and_clean_sets_raise_nothing_over_many_sets(capsys):
    """Prints, by what is planted, in how many sets it is found, and which findings the same sets raise without it."""
    found, alarms, rgb, bgr = (Counter() for _ in range(4))
    for seed in range(1, SETS + 1):
        films = varied_set(seed)
        alarms.update(kinds(evidence(films)))
        rgb[verdict(silent(films), "rgb")] += 1
        bgr[verdict([swapped(each) for each in silent(films)], "bgr")] += 1
        if seed <= PLANTS:
            found.update(name for name, (plant, kind, _) in PLANTED.items() if kind in kinds(evidence(plant(films))))
    rows = [f"| {name} | {kind} | {found[name]} of {PLANTS} |" for name, (_, kind, _) in PLANTED.items()]
    clean = [f"| {kind} | {alarms[kind]} of {SETS} |" for kind in KINDS]
    heads = ("| planted | finding | found |", "|---|---|---|"), ("| finding | of clean sets |", "|---|---|")
    told = f"colours of the same sets, where files do not say: {dict(rgb)} as RGB, {dict(bgr)} as BGR"
    with capsys.disabled():
        print("", *heads[0], *rows, "", *heads[1], *clean, "", told, sep="\n")
    assert min(rgb["right"], bgr["right"]) >= 0.9 * SETS and rgb["wrong"] == bgr["wrong"] == 0
    assert min(found[name] for name in PLANTED) >= 0.9 * PLANTS, found
    assert sum(alarms.values()) <= 0.001 * SETS * len(KINDS), alarms
