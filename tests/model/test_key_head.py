"""MobileKeyDecoder says one of nine keys and learns by cross-entropy. On stand-in and real checkout."""

import json
from pathlib import Path

import pytest
from support.checkouts import SUPPORT

from robovlms_mobile.config.lint import lint
from robovlms_mobile.config.load import load_config
from robovlms_mobile.config.refusals import refusals

KEYS = {"act_head": {"type": "MobileKeyDecoder"}}

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def seen(upstream_root, run_python):
    done = run_python([SUPPORT / "probe_keys.py", upstream_root], cwd=upstream_root)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_it_drives_the_best_of_the_nine_keys(seen):
    assert seen["arm"] == [2, 4, 3, 6]
    assert set(seen["said"]) <= {-1.0, 0.0, 1.0}
    assert seen["best"]


def test_the_loss_is_the_mean_of_each_samples_mean_cross_entropy_over_real_actions(seen):
    assert seen["loss"] == pytest.approx(seen["expected"], rel=1e-6)


def test_it_learns_any_of_the_keys(seen):
    assert seen["learned"] == 1.0


def test_actions_that_are_no_keys_are_refused_when_validating(seen):
    assert "0." in seen["refused"] and "MobileLSTMDecoder" in seen["refused"]
    assert seen["slightly_off"] is None
    assert seen["in_training"] is None


def test_the_keys_are_no_weights_and_the_gripper_is_frozen(seen):
    assert seen["state"] == []
    assert not seen["gripper_trainable"]


def refused(**changes):
    block = {"type": "MobileVLAH5Dataset", **changes.pop("block", {})}
    return [where for where, _, _ in refusals({**KEYS, "train_dataset": block, "val_dataset": block, **changes})]


def test_two_dims_and_a_range_around_zero_are_needed():
    good = {"norm_action": True, "norm_min": -1.15, "norm_max": 1.15}
    assert refused(**good) == []
    assert refused(**good, block={"real_dims": ["linear_x", "linear_y", "angular_z"]}) == ["act_head.type"]
    assert refused(**{**good, "norm_min": 0}) == ["norm_min, norm_max"]
    assert refused(**{**good, "norm_action": False, "norm_min": 0}) == []


def test_lint_knows_the_head():
    config = load_config(Path(__file__).parents[2] / "configs/mobile_vla_lora.json")
    config["act_head"]["type"] = "MobileKeyDecoder"
    assert not [each for each in lint(config) if "MobileKeyDecoder" in each.what]
