"""A run without LoRA is looked after like any other: it resumes, has a best, and keeps what it trained, no more."""

import json

import pytest
import torch
from safetensors.torch import load_file
from support.runs import TRAIN, losses, run_folder, state

from robovlms_mobile.adapters.export import export
from robovlms_mobile.cli.summary import format_summary
from robovlms_mobile.errors import CheckpointError
from robovlms_mobile.options import is_mobile
from robovlms_mobile.runs import summarise

pytestmark = pytest.mark.slow
FROZEN, WHOLE = {"lora_enable": False}, {"lora_enable": False, "freeze_backbone": False, "train_text_embedding": True}
FILES = ["README.md", "contract.json", "metrics.json", "policy.safetensors"]


@pytest.fixture(scope="module")
def train(upstream_root, run_python, write_config):
    """`train(folder, setup, **overrides)` → what a run of one epoch printed."""

    def train(folder, setup=FROZEN, **overrides):
        done = run_python([*TRAIN, upstream_root, write_config(folder, train_setup=setup, **overrides)], cwd=folder)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    return train


@pytest.fixture(scope="module")
def resumed(train, tmp_path_factory):
    """Folder of a run with a frozen backbone, of one epoch and then a second, and what the second start printed."""
    folder = tmp_path_factory.mktemp("frozen")
    train(folder)
    return folder, train(folder, resume="last", trainer={"max_epochs": 2})


def test_it_goes_on_where_it_ended(resumed):
    folder, said = resumed
    assert f"resuming from {run_folder(folder) / 'last.ckpt'}" in said
    assert [row["epoch"] for row in losses(folder)] == ["0", "1"]


def test_it_keeps_the_head_alone_and_a_best(resumed):
    run = run_folder(resumed[0])
    names = sorted(path.name for path in run.iterdir())
    assert names == ["best", "last", "last.ckpt", "losses.csv", "losses.png", "run.json", "split.json"]
    assert sorted(path.name for path in (run / "best").iterdir()) == FILES
    policy = load_file(run / "last" / "policy.safetensors")
    assert policy.keys() == state(resumed[0])["state_dict"].keys()
    assert all(name.startswith(("model.act_head.", "model.action_token")) for name in policy)
    assert json.loads((run / "best" / "metrics.json").read_text())["monitor"] == "val_loss"
    assert "no LoRA adapters" in (run / "best" / "README.md").read_text()


def test_summary_and_export_say_that_there_are_no_adapters(resumed, tmp_path):
    run = run_folder(resumed[0])
    assert "a run without LoRA: policy.safetensors only, no adapters" in format_summary(summarise(run))
    export(run, tmp_path / "out", dtype="fp16")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == FILES
    assert {tensor.dtype for tensor in load_file(tmp_path / "out" / "policy.safetensors").values()} == {torch.float16}
    with pytest.raises(CheckpointError, match="no LoRA adapters to merge"):
        export(run, tmp_path / "merged", merge=True)


@pytest.mark.parametrize("setup", [FROZEN, pytest.param(WHOLE, marks=pytest.mark.slow)], ids=["frozen", "whole model"])
@pytest.mark.slow
def test_a_new_run_starts_from_what_it_trained(train, resumed, tmp_path, setup):
    source = tmp_path / "source"
    source.mkdir()
    if setup is WHOLE:
        train(source, WHOLE)
    else:
        source = resumed[0]
    (tmp_path / "new").mkdir()
    said = train(tmp_path / "new", setup, model_load_path=str(run_folder(source) / "last"), learning_rate=0.0)
    assert "starting from what was trained in" in said
    before, after = state(source)["state_dict"], state(tmp_path / "new")["state_dict"]
    assert before.keys() == after.keys()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    backbone = any(name.startswith("model.backbone.") for name in before)
    assert backbone == (setup is WHOLE)


@pytest.mark.parametrize("kind", ["MobileLSTMDecoder", "MobileFCDecoder", "MobileGPTDecoder"])
def test_a_run_with_one_of_our_heads_is_ours_whatever_its_data(kind):
    other = {"train_dataset": {"type": "Other"}, "val_dataset": {"type": "Other"}, "train_setup": FROZEN}
    assert is_mobile({**other, "act_head": {"type": kind}})
    assert not is_mobile({**other, "act_head": {"type": kind.removeprefix("Mobile")}})
    assert not is_mobile({**other, "act_head": None})
