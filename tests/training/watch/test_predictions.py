"""Which prediction counts for a frame, over processes, drops and duplicates; the figures against plain computations."""

from functools import partial

import numpy as np
import pytest
import torch

from robovlms_mobile.data.dataset import MobileVLAH5Dataset
from robovlms_mobile.data.images import ImageTransform
from robovlms_mobile.scoring.baselines import NAMES, Baselines
from robovlms_mobile.scoring.scored import Scored
from robovlms_mobile.training.watch.collapse import no_reaction, one_direction
from robovlms_mobile.training.watch.measures import baseline_measures, by_scenario, in_words, measures, not_beaten
from robovlms_mobile.training.watch.predictions import Predictions

WINDOW, CHUNK, SPEED, DIMS = 4, 10, 1.15, ("linear_x", "linear_y")


@pytest.fixture(scope="module")
def make(episodes, tmp_path_factory):
    """Factory: the validation dataset of a block."""
    folder = tmp_path_factory.mktemp("split")

    def build(**block):
        sizes = {"window_size": WINDOW, "fwd_pred_next_n": CHUNK, "norm_action": True, "norm_min": -2, "norm_max": 2}
        frames = {"frames": {"store": "off", "dir": str(folder)}}
        image_fn = partial(dict, image_processor=ImageTransform(32, frames))
        return MobileVLAH5Dataset(
            data_dir=episodes, train_split=0.5, split="sorted", is_training=False, image_fn=image_fn, **sizes, **block
        )

    return build


def said(dataset, index):
    """What a head returns for a batch that says, of each window, its frame / 100 and its place in the window / 10."""
    arm = torch.zeros(len(index), WINDOW, CHUNK, 6)
    for row, number in enumerate(index):
        _, start = dataset.samples[number]
        for at in range(WINDOW):
            arm[row, at, :, 0], arm[row, at, :, 1] = (start + at) / 100, at / 10
    return arm, torch.zeros(len(index), WINDOW, CHUNK, 1)


def collected(dataset, batches):
    found = Predictions(dataset)
    for index in batches:
        assert found.add(torch.tensor(index), said(dataset, index))
    return found


def alone(share):
    return share


def in_batches(order, size=8):
    return [order[first : first + size] for first in range(0, len(order), size)]


@pytest.mark.parametrize(
    "block", [{"windows": "padded"}, {"windows": "full"}, {"windows": "padded", "shift_first": True}]
)
def test_a_frame_is_predicted_from_as_much_history_as_a_robot_has(make, block):
    dataset = make(**block)
    order = np.random.default_rng(0).permutation(len(dataset)).tolist()
    episodes = collected(dataset, in_batches(order)).scored(alone)
    assert [each.name for each in episodes] == [each.name for each in dataset.episodes]
    frames = {"padded": 18, "full": 8}[block["windows"]] - ("shift_first" in block)
    for each, episode in zip(episodes, dataset.episodes, strict=True):
        numbers = np.arange(frames)
        assert each.predicted.shape == (frames, CHUNK, 2)
        np.testing.assert_allclose(each.predicted[:, 0, 0], 2 * numbers / 100, atol=1e-6)  # -2 … 2 m/s are -1 … 1
        np.testing.assert_allclose(each.predicted[:, 9, 1], 2 * np.minimum(numbers, 3) / 10, atol=1e-6)
        shift = int("shift_first" in block)
        np.testing.assert_allclose(each.actual, episode.actions[shift : frames + shift, :2])


def test_processes_that_repeat_windows_come_to_what_one_comes_to(make):
    dataset = make(windows="padded")
    order = list(range(len(dataset)))
    shares = [collected(dataset, in_batches([*order[rank::2], order[rank]])) for rank in (0, 1)]
    summed = []

    def add(share):  # what each has, and, on the second call, what all have
        summed.append(share)
        return sum(summed)

    shares[0].scored(add)
    both, single = shares[1].scored(add), collected(dataset, in_batches(order)).scored(alone)
    for one, other in zip(both, single, strict=True):
        np.testing.assert_allclose(one.predicted, other.predicted, atol=1e-6)


def test_an_episode_ends_at_its_first_frame_that_was_not_predicted(make):
    dataset = make(windows="padded")
    order = list(range(len(dataset)))
    *whole, cut = collected(dataset, in_batches(order[:-7])).scored(alone)  # an incomplete batch is dropped
    assert {len(each.actual) for each in whole} == {18} and len(cut.actual) == 18 - 7 + WINDOW - 1
    nothing, odd = Predictions(dataset), said(dataset, order)[0]
    odd[:] = float("nan")
    assert nothing.add(torch.tensor(order), (odd, None)) and nothing.scored(alone) == []
    hole = [number for number in order if dataset.samples[number][1] != 5]
    assert {len(each.actual) for each in collected(dataset, in_batches(hole)).scored(alone)} == {5 + WINDOW - 1}


@pytest.mark.parametrize(
    "output", [torch.zeros(2, 30, 11), torch.zeros(2, CHUNK, 6), None, (torch.zeros(2, 1, CHUNK, 6),)]
)
def test_what_another_kind_of_head_returns_is_not_taken(make, output):
    assert not Predictions(make(windows="full")).add(torch.tensor([0, 1]), output)


@pytest.fixture(scope="module")
def scored():
    """Eight episodes of keys with noisy predictions, two scenarios."""
    rng = np.random.default_rng(3)
    found = []
    for number in range(8):
        actual = rng.integers(-1, 2, (9 + number, 2)) * SPEED
        ahead = np.stack([np.roll(actual, -h, 0) for h in range(4)], 1)
        predicted = ahead + rng.normal(0, 0.4, ahead.shape)
        found.append(Scored(f"e{number}", f"{number % 2 + 1}box", predicted, actual))
    return found


def test_the_figures_are_those_of_a_plain_computation(scored):
    found = measures(scored, DIMS, SPEED)
    first = np.concatenate([each.predicted[:, 0] - each.actual for each in scored])
    chunk = np.array(
        [
            each.predicted[frame, h] - each.actual[frame + h]
            for each in scored
            for frame in range(len(each.actual))
            for h in range(4)
            if frame + h < len(each.actual)  # what an episode's end masks takes no part
        ]
    )
    assert found["mae"] == pytest.approx(np.abs(first).mean())
    assert found["rmse_linear_y"] == pytest.approx(np.sqrt(np.mean(first[:, 1] ** 2)))
    assert found["chunk_mae"] == pytest.approx(np.abs(chunk).mean())
    assert found["chunk_rmse"] == pytest.approx(np.sqrt(np.mean(chunk**2)))
    assert found["chunk_mae_linear_x"] == pytest.approx(np.abs(chunk[:, 0]).mean())
    wanted, got = (
        np.rint(np.concatenate(each) / SPEED) for each in zip(*((e.actual, e.first) for e in scored), strict=True)
    )
    hits = (wanted == np.clip(got, -1, 1)).all(1)
    assert found["direction_accuracy"] == pytest.approx(hits.mean())
    assert found["stop_recall"] == pytest.approx(hits[(wanted == 0).all(1)].mean())


def test_scenarios_are_measured_apart(scored):
    found = by_scenario(scored, DIMS, SPEED)
    assert list(found) == ["1box", "2box"] and found["1box"]["n_episodes"] == 4
    assert found["2box"]["mae"] == pytest.approx(measures(scored[1::2], DIMS, SPEED)["mae"])


def test_a_baseline_held_against_itself_is_not_beaten(scored):
    known = Baselines([each.actual for each in scored], [each.scenario for each in scored])
    found = baseline_measures(known, scored, DIMS, SPEED)
    assert set(found) == set(NAMES) and found["previous_action"]["change_accuracy"] == 0
    lost = not_beaten(found["mean_action"], found)
    assert set(lost["mean_action"]) == {"mae", "direction_accuracy", "balanced_direction_accuracy", "change_accuracy"}
    own = measures(scored, DIMS, SPEED)
    line = in_words(own, not_beaten(own, found))
    assert line.startswith(f"MAE {own['mae']:.3f} m/s, direction ") and "beats mean_action" in line
    assert "not mean_action, " in in_words(found["mean_action"], lost)


def constant(scored, action):
    return [Scored(e.name, e.scenario, np.tile(action, (*e.predicted.shape[:2], 1)), e.actual) for e in scored]


def test_one_direction_all_the_time_is_called_a_collapse_and_variety_is_not(scored):
    assert "forward (w) at 100%" in one_direction(constant(scored, [1.0, 0.1]), DIMS, SPEED)
    assert one_direction(scored, DIMS, SPEED) is None
    forward = np.tile([SPEED, 0.0], (10, 1))
    straight = [Scored("e", "a", np.tile(forward[:, None], (1, 4, 1)), forward)]
    assert one_direction(straight, DIMS, SPEED) is None  # that is what was recorded


def test_predictions_that_follow_the_frame_number_alone_are_called_blind(scored):
    steps = np.linspace(-1, 1, 20)
    by_frame = [
        Scored(e.name, e.scenario, np.stack([steps[: len(e.actual)]] * 2, -1)[:, None], e.actual) for e in scored
    ]
    same = dict.fromkeys((each.name for each in scored), "go")
    assert "does not react to the picture" in no_reaction(by_frame, same, SPEED)
    assert no_reaction(scored, same, SPEED) is None
    assert no_reaction(by_frame, {each.name: each.name for each in scored}, SPEED) is None  # nothing to compare
