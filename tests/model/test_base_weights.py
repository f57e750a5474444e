"""Frozen layers in the precision that autocast computes in: the same numbers, less memory. On both checkouts."""

import json

import pytest
from support.checkouts import SUPPORT

from robovlms_mobile.options import base_dtype

pytestmark = pytest.mark.heavy
FROZEN = {"lora_enable": True, "freeze_backbone": True, "lora_bias": "none"}


@pytest.fixture(scope="module")
def seen(upstream_root, run_python, tiny_vlm, tmp_path_factory):
    done = run_python(
        [SUPPORT / "probe_base_weights.py", upstream_root, tiny_vlm, tmp_path_factory.mktemp("work")],
        cwd=upstream_root,
        env={"PYTHONPATH": SUPPORT.parent},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_loss_and_gradients_are_bit_for_bit_the_same(seen):
    assert seen["same"] and seen["gradients"] > 10


def test_new_adapters_are_drawn_as_beside_fp32(seen):
    assert seen["drawn"]


def test_linear_and_conv_layers_are_half_and_all_else_is_not(seen):
    half = {kind for kind, each in seen["precisions"].items() if each == ["torch.bfloat16"]}
    assert half == {"Linear", "Conv2d"}
    assert all(each == ["torch.float32"] for kind, each in seen["precisions"].items() if kind not in half)
    assert {"LayerNorm", "Embedding", "trained"} <= seen["precisions"].keys()


def test_it_keeps_fewer_bytes(seen):
    ours, theirs = seen["kept"]
    assert ours < theirs


def test_word_embeddings_at_the_host_change_nothing(seen):
    ours, theirs = seen["tables"]
    assert seen["same_at_host"] and (ours, theirs) == (0, 1)


def test_files_in_half_precision_are_loaded_in_fp32(seen):
    assert seen["from_half"] == ["torch.float32"]


@pytest.mark.parametrize(
    ("precision", "setup", "told", "expected"),
    [
        ("bf16-mixed", {}, None, "bf16"),
        ("16-mixed", {}, "auto", "fp16"),
        (16, {}, "auto", "fp16"),
        ("32", {}, "auto", "fp32"),
        ("bf16-mixed", {}, "fp32", "fp32"),
        ("bf16-mixed", {"train_vision": True}, "auto", "fp32"),
        ("bf16-mixed", {"lora_bias": "all"}, "auto", "fp32"),
        ("bf16-mixed", {"freeze_backbone": False}, "auto", "fp32"),
    ],
)
def test_auto_is_what_autocast_computes_in_where_nothing_of_the_base_model_is_trained(precision, setup, told, expected):
    configs = {"trainer": {"precision": precision}, "train_setup": FROZEN | setup}
    configs |= {"mobile": {"base_dtype": told}} if told else {}
    assert base_dtype(configs) == expected
