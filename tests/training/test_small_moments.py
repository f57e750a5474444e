"""AdamW whose moments take a byte each: near AdamW, saved and resumed as it is. With bitsandbytes where it is there."""

import io
import sys
from types import SimpleNamespace

import pytest
import torch
from support.checkouts import STANDIN
from support.processes import run_warm
from support.runs import TRAIN, losses, state

from robovlms_mobile.errors import ConfigError, ModelError
from robovlms_mobile.training.requested import requested
from robovlms_mobile.training.small_moments import SmallMoments, adamw8bit

CPU = torch.device("cpu")
SMALL = {"mobile": {"optimizer": "adamw8bit"}}


@pytest.fixture
def kind():
    pytest.importorskip("bitsandbytes")
    return adamw8bit(CPU)


def steps(weight, optimizer, count):
    for number in range(count):
        optimizer.zero_grad()
        (weight.sin() * (number + 1)).sum().backward()
        optimizer.step()


def fresh(kind):
    weight = torch.linspace(-1, 1, 8192).requires_grad_()
    return weight, kind([weight], lr=0.01, weight_decay=0.1)


def test_its_steps_are_near_adamws_and_its_state_small(kind):
    (weight, optimizer), (other, whole) = fresh(kind), fresh(torch.optim.AdamW)
    before = weight.detach().clone()
    steps(weight, optimizer, 10)
    steps(other, whole, 10)
    assert (weight - other).abs().max() < 0.05 * (other - before).abs().max()
    held = [each for each in optimizer.state[weight].values() if isinstance(each, torch.Tensor)]
    assert sum(each.nbytes for each in held) < 2.3 * weight.numel() < sum(each.nbytes for each in (weight, weight))


def test_a_saved_state_goes_on_as_it_was(kind):
    expected, optimizer = fresh(kind)
    steps(expected, optimizer, 4)
    weight, later = fresh(kind)
    weight.data.copy_(expected.data)
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    later.load_state_dict(torch.load(file, weights_only=True))
    steps(expected, optimizer, 3)
    steps(weight, later, 3)
    assert torch.equal(weight, expected)


def test_without_bitsandbytes_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "bitsandbytes.optim", None)
    with pytest.raises(ModelError, match=r"robovlms-mobile\[bitsandbytes\]"):
        adamw8bit(CPU)


def test_a_checkout_that_makes_another_optimizer_is_refused():
    trainer = SimpleNamespace(optimizers=[torch.optim.SGD([torch.zeros(1)])])
    with pytest.raises(ConfigError, match="makes SGD"):
        SmallMoments().on_fit_start(trainer, None)


def test_only_what_is_asked_for_comes_to_a_run():
    names = [[type(each).__name__ for each in requested(*given)] for given in (({}, CPU), (SMALL, CPU))]
    assert names == [[], ["SmallMoments"]]
    (fused,) = requested({}, torch.device("cuda"))
    assert type(fused).__name__ == "FusedSteps"


@pytest.fixture(scope="module")
def runs(write_config, tmp_path_factory):
    """Folders of two runs: one of two epochs, one that was started again for its second; and a further start's end."""
    pytest.importorskip("bitsandbytes")
    whole, halves = (tmp_path_factory.mktemp(name) for name in ("whole", "halves"))

    def train(folder, epochs, **overrides):
        short = {"max_epochs": epochs, "limit_train_batches": 4, "limit_val_batches": 2}
        config = write_config(folder, trainer=short, **{**SMALL, **overrides})
        return run_warm([*TRAIN, STANDIN, config], cwd=folder)

    ends = [train(whole, 2), train(halves, 1), train(halves, 2, resume="last")]
    assert [each.returncode for each in ends] == [0, 0, 0], ends[-1].stderr[-3000:]
    return whole, halves, train(halves, 3, resume="last", mobile={})


def test_a_run_that_is_resumed_is_the_run_that_was_not(runs):
    whole, halves, _ = runs
    first, second = state(whole), state(halves)
    assert all(torch.equal(first["state_dict"][name], second["state_dict"][name]) for name in first["state_dict"])
    moments = first["optimizer_states"][0]["state"]
    kinds = {each.dtype for state in moments.values() for each in state["__bnb_optimizer_quant_state__"].values()}
    assert torch.uint8 in kinds
    assert losses(whole) == losses(halves)


def test_it_is_not_resumed_with_another_optimizer(runs):
    *_, refused = runs
    assert refused.returncode == 1 and "mobile.optimizer" in refused.stderr and "adamw8bit" in refused.stderr
