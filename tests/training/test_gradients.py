"""The guards stop a run whose adapters get no gradient, or none that is a number; a healthy start passes."""

from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch.plugins.precision import MixedPrecision, Precision
from peft import LoraConfig, inject_adapter_in_model
from torch import nn

from robovlms_mobile.errors import ModelError
from robovlms_mobile.training.gradients import SKIPPED, FiniteGradients, GradientGuard


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
    guard.on_before_optimizer_step(None, model, torch.optim.SGD(model.parameters(), lr=rate))
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


def end_of_epoch(model, guard):
    guard.on_train_epoch_end(SimpleNamespace(is_global_zero=True), model)


def test_adapters_that_no_step_moved_stop_the_run_after_an_epoch():
    model, guard = Model(), GradientGuard()
    model.unused.requires_grad_(False)
    step(model, guard, finite=False)  # a gradient is there, and nothing takes it
    with pytest.raises(ModelError, match="adapters did not train: after an epoch all 1 lora_B"):
        end_of_epoch(model, guard)


def test_some_adapters_that_no_step_moved_are_named_and_the_run_goes_on(recwarn):
    model, guard = Model(), GradientGuard()
    step(model, guard)
    end_of_epoch(model, guard)
    (warned,) = [str(each.message) for each in recwarn]
    assert "1 of 2 lora_B are still zero" in warned and "unused.lora_B" in warned


@pytest.mark.parametrize("rate", [0.0, 0.1])
def test_an_epoch_of_warm_up_and_one_that_moved_all_are_no_alarm(rate, recwarn):
    model, guard = Model(), GradientGuard()
    model.unused.requires_grad_(False)
    step(model, guard, rate)
    end_of_epoch(model, guard)
    assert not recwarn.list


def backward(model, finite=True):
    model.zero_grad()
    (model(torch.ones(3, 4)).square().mean() * (1.0 if finite else float("inf"))).backward()


def under(plugin):
    return SimpleNamespace(precision_plugin=plugin, global_step=41)


@pytest.mark.parametrize("plugin", [Precision(), MixedPrecision("bf16-mixed", "cpu")])
def test_a_gradient_that_is_not_finite_stops_before_its_step_where_nothing_skips_it(plugin):
    model, guard = Model(), FiniteGradients()
    backward(model)
    guard.on_before_optimizer_step(under(plugin), model, None)
    backward(model, finite=False)
    with pytest.raises(ModelError, match=r"not finite at step 41 \(used\.lora_.*learning_rate"):
        guard.on_before_optimizer_step(under(plugin), model, None)


@pytest.mark.filterwarnings("ignore:.*GradScaler")  # no CUDA: the scaler is there and scales nothing
def test_fp16_may_skip_steps_until_it_is_plain_that_no_scale_is_found():
    trainer = under(MixedPrecision("16-mixed", "cuda"))
    assert trainer.precision_plugin.scaler is not None
    model, guard = Model(), FiniteGradients()
    for finite in [False] * (SKIPPED - 1) + [True] + [False] * (SKIPPED - 1):
        backward(model, finite)
        guard.on_before_optimizer_step(trainer, model, None)
    with pytest.raises(ModelError, match=r"25 steps in a row .*bf16-mixed"):
        guard.on_before_optimizer_step(trainer, model, None)
