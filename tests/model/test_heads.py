"""The heads' loss looks at real dims only; layers and outputs are upstream's. On stand-in and real checkout."""

import json

import pytest
from support.checkouts import SUPPORT

HEADS = ("FC", "GPT", "LSTM")


@pytest.fixture(scope="module")
def seen(upstream_root, run_python):
    done = run_python([SUPPORT / "probe_heads.py", upstream_root], cwd=upstream_root)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("head", HEADS)
def test_outputs_are_upstreams(seen, head):
    assert seen[head]["same_output"]


@pytest.mark.parametrize("head", HEADS)
def test_windows_of_one_frame_carry_nothing_from_one_batch_to_the_next(seen, head):
    """Such windows look to upstream's heads like a robot's frames, one by one, of which they keep a history."""
    assert not seen[head]["remembers"]


@pytest.mark.parametrize("head", HEADS)
def test_weights_load_both_ways(seen, head):
    assert seen[head]["same_keys"]


@pytest.mark.parametrize("head", HEADS)
def test_padding_labels_do_not_change_the_loss(seen, head):
    assert seen[head]["loss"] == seen[head]["loss_with_other_padding"]


@pytest.mark.parametrize("head", HEADS)
def test_padding_and_gripper_get_no_gradient(seen, head):
    assert seen[head]["real_rows_with_gradient"] > 0
    assert seen[head]["padding_rows_with_gradient"] == 0
    assert not seen[head]["gripper_trainable"]


@pytest.mark.parametrize("head", HEADS)
def test_the_loss_is_the_mean_of_each_samples_mean_huber_loss_over_real_values(seen, head):
    assert seen[head]["loss"] == pytest.approx(seen[head]["expected"], rel=1e-6)


@pytest.mark.parametrize("head", HEADS)
def test_a_sample_without_a_real_action_adds_nothing(seen, head):
    found, expected = seen[head]["without_second"]
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("head", HEADS)
def test_there_is_no_gripper_loss(seen, head):
    assert seen[head]["keys"] == ["loss_arm"]


@pytest.mark.parametrize("head", HEADS)
def test_the_stock_heads_still_work(seen, head):
    assert seen[head]["stock_keys"] == ["acc_gripper", "loss_arm", "loss_gripper"]
