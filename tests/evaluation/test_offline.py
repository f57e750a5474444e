"""Policies that are none are called what they are, and data that teaches the wrong thing is found, by intervals."""

from dataclasses import replace

import numpy as np
import pytest

from robovlms_mobile.evaluation.judgement import evaluate
from robovlms_mobile.evaluation.offline import TOGETHER, Shown, ask
from robovlms_mobile.scoring.baselines import NAMES

SPEED = 1.15
DIMS = ("linear_x", "linear_y")
KEYS = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [1, -1], [0, -1]]) * SPEED
CHUNK = 3


def episode(number, rng):
    """Its frames show, in colour, what was done; which way to turn stands in the instruction alone.

    Red: stop, straight on, or turn; green: forward or aside. Blue: the frame's number.
    """
    side = "left" if number % 2 else "right"
    kinds = np.concatenate(
        [[0], rng.choice(4, 11, p=(0.1, 0.5, 0.2, 0.2)), [0]]
    )  # into KEYS: stop, w, q, a, or their mirror images
    actions = KEYS[kinds] * ([1, 1] if side == "left" else [1, -1])
    frames = np.zeros((len(kinds), 4, 4, 3), np.uint8)
    frames[..., 0], frames[..., 2] = 60 * kinds[:, None, None] + 20, 10 * np.arange(len(kinds))[:, None, None]
    return Shown(f"e{number}", f"1box_hori_{side}", f"Drive around the box on the {side}.", frames, actions)


@pytest.fixture(scope="module")
def episodes():
    rng = np.random.default_rng(0)
    return [episode(number, rng) for number in range(20)]


class Fake:
    """Answers `one(told, frame, step)` for each drive, with a little noise of its own."""

    noise = 0.05

    def reset(self, instructions):
        self.told, self.step, self.rng = instructions, -1, np.random.default_rng(1)

    def act(self, frames):
        self.step += 1
        one = np.stack([self.one(told, frame) for told, frame in zip(self.told, frames, strict=True)])
        return np.repeat(one[:, None], CHUNK, 1) + self.rng.normal(0, self.noise, (len(frames), CHUNK, 2))


class Good(Fake):
    """Looks and listens."""

    def one(self, told, frame):
        key = KEYS[min(3, max(0, round((int(frame[0, 0, 0]) - 20) / 60)))]
        return key * ([1, 1] if "left" in told else [1, -1])


class Deaf(Good):
    def one(self, told, frame):
        return super().one("left", frame)


class Constant(Fake):
    noise = 0.0

    def one(self, told, frame):
        return KEYS[1]


class Counting(Fake):
    noise = 0.0

    def one(self, told, frame):
        return KEYS[[0, 1, 1, 2, 3, 1, 2, 1][self.step % 8]]


class Repeating(Fake):
    """Knows from elsewhere what was done a frame ago: no picture says it."""

    noise = 0.01

    def __init__(self, episodes):
        self.actual = [each.actual for each in episodes]
        self.starts = 0

    def reset(self, instructions):
        self.mine = self.actual[self.starts : self.starts + len(instructions)]
        self.starts = (self.starts + len(instructions)) % len(self.actual)
        self.number = 0
        super().reset(instructions)

    def one(self, told, frame):
        actual = self.mine[self.number % len(self.mine)]
        self.number += 1
        return actual[self.step - 1] if self.step else np.zeros(2)


class Restless(Good):
    """Never stops: it drives on instead."""

    def one(self, told, frame):
        action = super().one(told, frame)
        return action if action.any() else KEYS[1]


def judged(policy, episodes, **options):
    rng = np.random.default_rng(9)
    taught = [(each.actual, each.scenario) for each in (episode(number, rng) for number in range(30))]
    return evaluate(policy, episodes, taught, DIMS, SPEED, **options).info


def said(info, start):
    """The one sentence of the verdict that starts so."""
    found = [sentence for sentence in info["verdict"] if sentence.startswith(start)]
    assert len(found) == 1, info["verdict"]
    return found[0]


def test_a_policy_that_looks_and_listens_is_called_that(episodes):
    info = judged(Good(), episodes)
    assert said(info, "listens: told the other side") and said(info, "looks: with another episode's pictures")
    assert said(info, "better than all 5 baselines on every figure")
    assert len(info["verdict"]) == 3, info["verdict"]
    assert info["overall"]["direction_accuracy"] == 1 and set(info["baselines"]) == set(NAMES)
    low, high = info["ablations"]["instruction_swapped"]["change"]["mae_ci95"]
    assert 0 < low <= info["ablations"]["instruction_swapped"]["change"]["mae"] <= high


def test_one_that_does_not_listen(episodes):
    info = judged(Deaf(), episodes)
    assert said(info, "does not listen: told the other side") and said(info, "looks: ")
    assert info["ablations"]["instruction_swapped"]["reaction"] < 0.06


def test_a_constant(episodes):
    info = judged(Constant(), episodes)
    for start in (
        "is constant",
        "does not listen",
        "does not look",
        "stop is never predicted: 0 of",
        "not better than",
    ):
        assert [sentence for sentence in info["verdict"] if sentence.startswith(start)], info["verdict"]


def test_one_direction_nearly_always(episodes):
    class Mostly(Good):
        def one(self, told, frame):
            return KEYS[3] if self.rng.random() < 0.03 else KEYS[1]

    assert said(judged(Mostly(), episodes), "one direction for 9").endswith("%")


def test_one_that_counts_frames(episodes):
    info = judged(Counting(), episodes)
    assert said(info, "counts frames: the frame's number alone explains 100%") and said(info, "does not look")


def test_one_that_repeats_the_previous_action(episodes):
    info = judged(Repeating(episodes), episodes)
    assert said(info, "repeats the previous action") and said(info, "does not look")
    assert "changes of direction" in said(info, "not better than previous action on")


def test_one_that_never_stops(episodes):
    sentence = said(judged(Restless(), episodes), "stop is never predicted")
    stops = sum(int((each.actual[1:] == 0).all(1).sum()) for each in episodes)
    assert f"0 of {stops} after the first frame, in 0 of 20 episodes" in sentence


def test_labels_of_the_other_side_are_found(episodes):
    wrong = [replace(each, actual=each.actual * [1, -1]) for each in episodes]
    assert said(judged(Good(), wrong), "left and right look exchanged in the instructions or in the actions")


def test_exchanged_colours_are_found(episodes):
    wrong = [replace(each, frames=each.frames[..., ::-1]) for each in episodes]
    assert '"color_order"' in said(judged(Good(), wrong), "looks like BGR")


def test_one_instruction_for_all_is_found(episodes):
    wrong = [replace(each, instruction="Drive to the cup.") for each in episodes]
    info = judged(Good(), wrong)
    assert said(info, "every episode has one instruction, «Drive to the cup.», though some of them go left")
    assert said(info, "whether it listens cannot be told") and info["ablations"]["instruction_swapped"] is None


def test_few_episodes_give_figures_and_no_verdict(episodes):
    info = judged(Good(), episodes[:3])
    assert said(info, "3 episodes are too few") and len(info["verdict"]) == 1
    alone = judged(Good(), episodes[:1])
    assert alone["ablations"] == {} and alone["overall"]["n_episodes"] == 1


def test_training_episodes_are_told_apart(episodes):
    seen = [replace(each, side="training") for each in episodes[:5]]
    info = judged(Good(), episodes[5:], training=seen)
    assert info["overall"]["n_episodes"] == 15 and info["training"]["overall"]["n_episodes"] == 5
    assert info["training"]["per_group"]["1box_hori_left"]["n_episodes"] == 2


def test_episodes_of_other_lengths_and_numbers_are_asked_each_to_its_end():
    rng = np.random.default_rng(3)
    many = [episode(number, rng) for number in range(TOGETHER + 3)]
    cut = [
        replace(each, frames=each.frames[: 5 + n % 9], actual=each.actual[: 5 + n % 9]) for n, each in enumerate(many)
    ]
    for one, each in zip(cut, ask(Good(), cut), strict=True):
        assert each.name == one.name and len(each.predicted) == len(one.actual)
        assert np.abs(each.first - one.actual).max() < 0.4
