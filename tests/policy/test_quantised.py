"""A policy whose base model's weights are int8. On the test double."""

import numpy as np
import pytest
import torch
from support.checkouts import STANDIN

from robovlms_mobile.errors import ModelError
from robovlms_mobile.policy import MobilePolicy

LEFT = "Drive around the box on the left to the cup."


def load(adapters, dtype=None):
    return MobilePolicy.from_pretrained(adapters, root=STANDIN, device="cpu", dtype=dtype)


def answer(policy):
    policy.reset(LEFT)
    frame = np.random.default_rng(0).integers(0, 256, (36, 64, 3), np.uint8)
    return policy.infer({"image": frame})["actions"]


def size(policy):
    return sum(each.nbytes for each in policy.stepper.model.parameters())


def test_int8_weights_are_smaller_and_the_policy_is_near(adapters, policy):
    small = load(adapters, "int8")
    assert small.metadata["dtype"] == "int8"
    named = small.stepper.model.backbone.named_parameters()
    kinds = {name.rpartition(".")[2]: each.dtype for name, each in named if "base_layer" in name}
    assert kinds["codes"] == torch.int8 and kinds["scales"] == torch.float32
    assert size(small) < size(policy)
    difference = np.abs(answer(small) - answer(policy)).max()
    assert 0 < difference < 0.15


def test_a_precision_that_is_none_names_those_there_are(adapters):
    with pytest.raises(ModelError, match="fp32, fp16, bf16, int8"):
        load(adapters, "int3")
