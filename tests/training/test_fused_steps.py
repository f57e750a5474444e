"""Fused steps are AdamW's own, also in the middle of a run. On the CPU, where torch has them since 2.4."""

import pytest
import torch
from torch.nn.utils import clip_grad_norm_

from robovlms_mobile.training.fused_steps import FusedSteps, fuse


def steps(weight, optimizer, count):
    for number in range(count):
        optimizer.zero_grad()
        (weight.sin() * (number + 1)).sum().backward()
        clip_grad_norm_([weight], 1.0)
        optimizer.step()


def fresh():
    weight = torch.linspace(-1, 1, 12).requires_grad_()
    return weight, torch.optim.AdamW([weight], lr=0.1, weight_decay=0.1)


@pytest.fixture
def fused():
    weight, optimizer = fresh()
    steps(weight, optimizer, 3)
    if not fuse(optimizer):
        pytest.skip("this torch has no fused AdamW for a CPU")
    return weight, optimizer


def test_a_run_that_becomes_fused_goes_on_as_it_was(fused):
    weight, optimizer = fresh()
    steps(weight, optimizer, 6)
    steps(*fused, 3)
    torch.testing.assert_close(fused[0], weight, rtol=1e-5, atol=1e-6)
    assert fused[1].param_groups[0]["fused"] is True


def test_its_state_is_taken_up_by_one_that_is_not(fused):
    expected, optimizer = fresh()
    steps(expected, optimizer, 6)
    weight, unfused = fresh()
    weight.data.copy_(fused[0].data)
    saved = {"optimizer_states": [fused[1].state_dict()]}
    FusedSteps().on_save_checkpoint(None, None, saved)
    unfused.load_state_dict(saved["optimizer_states"][0])
    steps(weight, unfused, 3)
    assert not unfused.param_groups[0]["fused"] and fused[1].param_groups[0]["fused"]
    torch.testing.assert_close(weight, expected, rtol=1e-5, atol=1e-6)


def test_where_there_are_none_nothing_changes(monkeypatch):
    def refuse(*args, **kwargs):
        raise RuntimeError("no fused kernel")

    weight, optimizer = fresh()
    monkeypatch.setattr(torch.optim, "AdamW", refuse)
    assert not fuse(optimizer) and not optimizer.param_groups[0]["fused"]
    steps(weight, optimizer, 1)
