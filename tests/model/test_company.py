"""A sample's prediction, loss and gradient depend on itself alone, not on who shares its batch. On both checkouts."""

import json

import pytest
import torch
from support.checkouts import SUPPORT

from robovlms_mobile.model.padding import alone_order

pytestmark = pytest.mark.heavy

STOCK = ("FCDecoder", "GPTDecoder", "LSTMDecoder")
MOBILE = tuple(f"Mobile{name}" for name in STOCK)
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def apart(upstream_root, run_python, tiny_vlm):
    """Largest differences between a sample in company and alone, by head; see probe_company.py."""
    env = {"PYTHONPATH": SUPPORT.parent}
    done = run_python([SUPPORT / "probe_company.py", upstream_root, tiny_vlm], cwd=upstream_root, env=env)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("head", STOCK + MOBILE)
def test_a_sample_is_predicted_as_it_is_alone(apart, head):
    assert apart[head]["prediction"] <= TOLERANCE


@pytest.mark.parametrize("head", STOCK + MOBILE)
def test_a_samples_gradient_is_its_own(apart, head):
    assert apart[head]["gradient"] <= TOLERANCE


@pytest.mark.parametrize("head", MOBILE)
def test_the_loss_of_a_batch_is_the_mean_of_its_samples_losses(apart, head):
    assert apart[head]["loss"] <= TOLERANCE
    assert apart[head]["together"] <= TOLERANCE


@pytest.mark.parametrize("head", STOCK + MOBILE)
def test_a_batch_of_one_is_bit_for_bit_upstreams(apart, head):
    assert apart[head]["alone"]


def test_an_option_that_still_lets_the_batch_through_is_warned_of(apart):
    (message,), before = apart["warned"]
    assert before == 0 and "act_head.history_type 'pre'" in message and "batch_size to 1" in message


def reordered(words, mask, at, from_end):
    """Put ACT at column `at` of each row of words, as upstream does, and return the rows in the order of one alone."""
    order = alone_order(torch.tensor(mask), at, 1, from_end)
    merged = [[*row[:at], "ACT", *row[at:]] for row in words]
    return [" ".join(row[column] for column in columns) for row, columns in zip(merged, order.tolist(), strict=True)]


def test_the_action_token_stands_before_the_last_real_token_and_the_padding_last():
    words = [["<s>", "go", "</s>", "-"], ["<s>", "turn", "left", "</s>"]]
    mask = [[1, 1, 1, 0], [1, 1, 1, 1]]
    assert reordered(words, mask, 3, from_end=True) == ["<s> go ACT </s> -", "<s> turn left ACT </s>"]


def test_without_an_end_of_sentence_it_stands_behind_the_last_real_token():
    assert reordered([["go", "-"], ["turn", "left"]], [[1, 0], [1, 1]], 2, True) == ["go ACT -", "turn left ACT"]


def test_an_image_stands_behind_the_first_real_token_where_padding_is_on_the_left():
    words = [["-", "<s>", "go"], ["<s>", "turn", "left"]]
    assert reordered(words, [[0, 1, 1], [1, 1, 1]], 1, from_end=False) == ["<s> ACT go -", "<s> ACT turn left"]
