"""A policy whose base model's weights are int8. On the test double; with torchao where it is installed."""

import sys

import numpy as np
import pytest
from support.checkouts import STANDIN

from robovlms_mobile.errors import ModelError
from robovlms_mobile.policy import MobilePolicy
from robovlms_mobile.policy.quantised import weight_bytes

LEFT = "Drive around the box on the left to the cup."


def load(adapters, dtype=None):
    return MobilePolicy.from_pretrained(adapters, root=STANDIN, device="cpu", dtype=dtype)


def answer(policy):
    policy.reset(LEFT)
    frame = np.random.default_rng(0).integers(0, 256, (36, 64, 3), np.uint8)
    return policy.infer({"image": frame})["actions"]


def test_int8_weights_are_smaller_and_the_policy_is_near(adapters, policy):
    pytest.importorskip("torchao")
    small = load(adapters, "int8")
    assert small.metadata["dtype"] == "int8"
    linears = [each for name, each in small.stepper.model.backbone.named_parameters() if "base_layer.weight" in name]
    assert linears and all(weight_bytes_of(each) < each.numel() * 2 for each in linears)
    assert weight_bytes(small.stepper.model) < weight_bytes(policy.stepper.model)
    difference = np.abs(answer(small) - answer(policy)).max()
    assert 0 < difference < 0.15


def weight_bytes_of(tensor):
    return sum(getattr(tensor, name).nbytes for name in tensor.__tensor_flatten__()[0])


def test_without_torchao_the_extra_is_named(adapters, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchao.quantization", None)
    with pytest.raises(ModelError, match=r"robovlms-mobile\[int8\]"):
        load(adapters, "int8")


def test_a_precision_that_is_none_names_those_there_are(adapters):
    with pytest.raises(ModelError, match="fp32, fp16, bf16, int8"):
        load(adapters, "int3")
