"""A base model in 8 or 4 bits: near what it was, smaller, and what trains on it is loaded and merged as ever."""

import json
import sys

import pytest
import torch
from support.checkouts import STANDIN
from support.configs import merge
from support.processes import run_python
from support.runs import TRAIN, losses, run_folder
from torch import nn

from robovlms_mobile.adapters.fingerprint import stored_fingerprint
from robovlms_mobile.adapters.reading import read_adapters
from robovlms_mobile.errors import ModelError
from robovlms_mobile.evaluation.golden_frames import write_frames
from robovlms_mobile.model.few_bits import FewBits, to_few_bits
from robovlms_mobile.model.lora import add_lora
from robovlms_mobile.policy.golden import read_golden

NEAR = {8: 0.01, 4: 0.12}  # relative error of a product of many random numbers


def layer(bits, stock):
    if bits == 4:
        pytest.importorskip("bitsandbytes")
    return FewBits(stock, bits)


def apart(one, other):
    return ((one - other).norm() / other.norm()).item()


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("bits", [8, 4])
def test_products_and_gradients_are_near_and_in_the_precision_of_the_run(bits, half):
    torch.manual_seed(0)
    stock = nn.Linear(256, 128).requires_grad_(False)
    few, x = layer(bits, stock), torch.randn(3, 5, 256, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        seen, expected = few(x), stock(x)
    assert seen.dtype == expected.dtype == (torch.bfloat16 if half else torch.float32)
    assert apart(seen.float(), expected.float()) < NEAR[bits]
    (slope,) = torch.autograd.grad(seen.float().square().sum(), x)
    (expected,) = torch.autograd.grad(expected.float().square().sum(), x)
    assert apart(slope, expected) < NEAR[bits]


@pytest.mark.parametrize(("bits", "share"), [(8, 0.27), (4, 0.145)])
def test_they_are_smaller_and_nothing_else_is_kept_for_a_backward_pass(bits, share):
    stock = nn.Linear(256, 128, bias=False)
    few = layer(bits, stock)
    assert sum(each.nbytes for each in few.parameters()) < share * stock.weight.nbytes
    assert not any(each.requires_grad for each in few.parameters())
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda each: kept.append(each) or each, lambda each: each):
        few(torch.randn(2, 256, requires_grad=True))
    assert kept == []


def test_a_row_of_zeros_stays_one():
    stock = nn.Linear(4, 2)
    stock.weight.data[0] = 0
    assert torch.equal(FewBits(stock, 8).weight[0], torch.zeros(4))


def test_only_frozen_layers_of_the_base_model_are_replaced():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.tuned, self.plain = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8)
            self.attention, self.lm_head = nn.MultiheadAttention(8, 2), nn.Linear(8, 9)

    model = Model().requires_grad_(False)
    model.tuned.requires_grad_(True)
    add_lora(model, "inner", r=2, alpha=4, dropout=0.0)
    assert to_few_bits(model, 8) == 2
    kinds = {name for name, each in model.named_modules() if isinstance(each, FewBits)}
    assert kinds == {"inner.base_layer", "plain"}
    model.inner(torch.ones(1, 8)).sum().backward()
    assert model.inner.lora_B["default"].weight.grad.abs().sum() > 0


def test_without_bitsandbytes_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "bitsandbytes.functional", None)
    with pytest.raises(ModelError, match=r"robovlms-mobile\[bitsandbytes\]"):
        FewBits(nn.Linear(64, 64), 4)


@pytest.fixture(scope="module")
def train(write_config, tmp_path_factory):
    """`train(bits)` → (folder of a short run, what it said)."""

    def train(bits, folder=None, **overrides):
        folder = folder or tmp_path_factory.mktemp("run")
        short = {"trainer": {"limit_train_batches": 4, "limit_val_batches": 4}, "train_setup": {"bits": bits}}
        done = run_python([*TRAIN, STANDIN, write_config(folder, **merge(short, overrides))], cwd=folder)
        assert done.returncode == 0, done.stderr[-3000:]
        return folder, done.stdout

    return train


@pytest.fixture(scope="module")
def run(train):
    """A short run whose base model is in 8 bits."""
    return train(8)


@pytest.mark.heavy
def test_adapters_belong_to_the_base_model_as_it_is(run, tiny_vlm):
    folder, said = run
    assert "Linear layers of the base model are in 8 bits while it trains" in said
    adapters = read_adapters(run_folder(folder) / "best")
    names = [f"{name}.weight" for name in adapters.pairs]
    assert adapters.contract["base_fingerprint"] == stored_fingerprint(tiny_vlm, names)
    assert not any("codes" in name for name in adapters.state)


@pytest.mark.heavy
def test_its_golden_frames_are_of_the_base_model_as_it_is_and_checked_against_what_was_trained(run):
    folder, _ = run
    written = write_frames(run_folder(folder), root=STANDIN, device="cpu")
    assert written.from_training < 1e-4
    values = read_golden(written.folder).values["actions"]
    noted = torch.tensor(read_adapters(written.folder).metrics["predicted"]["actions"])
    count = min(len(values), len(noted))
    assert (values[:count] - noted[:count]).abs().max() > 1e-4


@pytest.mark.slow
def test_it_trains_nearly_the_same_is_resumed_and_merges(run, train, tmp_path):
    folder, _ = run
    first, second = (losses(each)[-1]["val_loss"] for each in (train(-1)[0], folder))
    assert first != second and float(first) == pytest.approx(float(second), rel=0.02)
    assert "resuming from" in train(8, folder, trainer={"max_epochs": 2}, resume="last")[1]
    command = ["-m", "robovlms_mobile", "export", run_folder(folder), "--to", tmp_path / "merged", "--merge"]
    done = run_python([*command, "--root", STANDIN], cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads((tmp_path / "merged/contract.json").read_text())["merged"]
