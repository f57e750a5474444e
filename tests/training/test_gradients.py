"""The guard stops a run whose adapters stay without gradient, and lets every healthy start pass."""

import pytest
import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import nn

from robovlms_mobile.errors import ModelError
from robovlms_mobile.training.gradients import GradientGuard


class Model(nn.Module):
    """Two adapted linears; `unused` takes part in no loss."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.used, self.unused = nn.Linear(4, 4), nn.Linear(4, 4)
        inject_adapter_in_model(LoraConfig(r=2, target_modules=["used", "unused"]), self)

    def forward(self, x):
        return self.used(x)


def step(model, guard, rate=0.1, finite=True):
    model.zero_grad()
    model(torch.ones(3, 4)).square().mean().backward()
    guard.on_before_optimizer_step(None, model, None)
    for parameter in model.parameters():
        if parameter.grad is not None and finite:
            parameter.data -= rate * parameter.grad


def test_adapters_outside_the_loss_stop_the_run_by_name_after_two_steps():
    model, guard = Model(), GradientGuard()
    step(model, guard)
    with pytest.raises(ModelError, match=r"unused\.lora_B") as error:
        step(model, guard)
    assert "used.lora_B.default.weight" not in str(error.value).replace("unused", "")


def test_a_healthy_run_passes_though_a_has_no_gradient_at_first():
    model, guard = Model(), GradientGuard()
    model.unused.requires_grad_(False)
    for _ in range(3):
        step(model, guard)
    assert guard._waiting == {}


def test_a_warm_up_from_learning_rate_zero_is_no_alarm():
    model, guard = Model(), GradientGuard()
    model.unused.requires_grad_(False)
    for rate in (0.0, 0.0, 0.1, 0.1, 0.1):
        step(model, guard, rate)
    assert guard._waiting == {}


def test_steps_skipped_for_an_overflow_are_no_alarm():
    model, guard = Model(), GradientGuard()
    model.unused.requires_grad_(False)
    for finite in (False, False, True, True):
        step(model, guard, finite=finite)
    assert guard._waiting == {}


def test_a_frozen_base_in_front_of_the_loss_is_noticed():
    model, guard = Model(), GradientGuard()
    model.forward = lambda x: model.used(x).detach() + model.unused(x)
    step(model, guard)
    with pytest.raises(ModelError, match=r"2 LoRA tensors|1 LoRA tensors"):
        step(model, guard)
