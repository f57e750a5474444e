"""What a run starts from: adapters of another one, or the run it resumes, which must be the same run."""

import json
import shutil
from importlib.metadata import version
from pathlib import Path
from unittest.mock import ANY

import pytest
import torch
from safetensors.torch import load_file, save_file
from support.processes import git
from support.runs import TRAIN, losses, run_folder, state

from robovlms_mobile.adapters.loading import can_be_fooled
from robovlms_mobile.simulation.recordings import write_episodes

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def train(upstream_root, run_python, write_config):
    """`train(folder, **overrides)` → the finished process of a run of one epoch below `folder`."""

    def train(folder, **overrides):
        config = write_config(folder, **overrides)
        return run_python([*TRAIN, upstream_root, config], cwd=folder)

    return train


@pytest.fixture(scope="module")
def first(train, tmp_path_factory):
    """Folder of a run of one epoch, with everything about keeping set."""
    folder = tmp_path_factory.mktemp("first")
    checkpoints = {"monitor": "val_loss_arm_act", "keep": 2, "dtype": "bf16", "every_n_epochs": 1}
    done = train(folder, mobile={"checkpoints": checkpoints}, learning_rate=1e-2)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def test_best_goes_by_any_logged_metric_in_the_precision_asked_for(first):
    run = run_folder(first)
    names = sorted(path.parent.name for path in run.glob("*/adapter_config.json"))
    assert names == ["best", "best-epoch-0001", "epoch-0001", "last"]
    metrics = json.loads((run / "best" / "metrics.json").read_text())
    assert (metrics["monitor"], metrics["score"]) == ("val_loss_arm_act", metrics["logged"]["val_loss_arm_act"])
    for name in ("adapter_model.safetensors", "policy.safetensors"):
        assert {tensor.dtype for tensor in load_file(run / "best" / name).values()} == {torch.bfloat16}
    assert {tensor.dtype for tensor in state(first)["state_dict"].values()} == {torch.float32}


def test_the_run_tells_how_it_came_about(first, upstream_root):
    record = json.loads((run_folder(first) / "run.json").read_text())
    assert record["status"] == "finished" and record["experiment"] == "run"
    assert record["config"]["train_setup"]["lora_r"] == 4
    assert record["versions"]["torch"] == version("torch") and "robovlms-mobile" in record["versions"]
    assert record["data"]["validation"] and record["parameters"]["LoRA adapters"]["trainable"] > 0
    assert [row["epoch"] for row in record["epochs"]] == [0]
    assert record["epochs"][0]["val_loss"] > 0
    if (upstream_root / ".git").exists():
        assert record["checkout"] == {
            "commit": git("-C", upstream_root, "rev-parse", "HEAD"),
            "branch": ANY,
            "changed": [],
        }


def test_each_adapter_folder_has_a_card_that_a_hub_reads(first):
    from huggingface_hub import metadata_load

    card = run_folder(first) / "best" / "README.md"
    metadata = metadata_load(card)
    assert (metadata["library_name"], metadata["pipeline_tag"]) == ("peft", "robotics")
    assert "linear_x in m/s" in card.read_text()


@pytest.mark.parametrize(
    "what", ["best", pytest.param("last.ckpt", marks=pytest.mark.slow), pytest.param(".", marks=pytest.mark.slow)]
)
@pytest.mark.slow
def test_a_new_run_starts_from_what_another_trained(train, first, tmp_path, what):
    source = run_folder(first) / what
    done = train(tmp_path, model_load_path=str(source), learning_rate=0.0)
    if what == "last.ckpt" and can_be_fooled():
        assert done.returncode != 0
        assert "Name an adapter folder of that run, best or last" in done.stderr
        return
    assert done.returncode == 0, done.stderr[-3000:]
    assert "starting from what was trained in" in done.stdout
    before, after = state(first)["state_dict"], state(tmp_path)["state_dict"]
    for name, tensor in before.items():
        expected = tensor if what == "last.ckpt" else tensor.to(torch.bfloat16).float()
        assert torch.equal(after[name], expected), name


def test_a_tampered_folder_is_refused_by_name(train, first, tmp_path):
    folder = tmp_path / "adapters"
    shutil.copytree(run_folder(first) / "best", folder)
    tensors = load_file(folder / "adapter_model.safetensors")
    name = sorted(tensors)[0]
    tensors[name][0, 0] = float("nan")
    save_file(tensors, folder / "adapter_model.safetensors")
    done = train(tmp_path, model_load_path=str(folder))
    assert done.returncode != 0
    assert "NaN or infinite values in" in done.stderr and name in done.stderr


def test_adapters_of_another_base_model_are_refused(train, first, tmp_path, tiny_vlm):
    other = another_model(tiny_vlm, tmp_path / "vlm", "text_model.model.layers.0.self_attn.q_proj.weight")
    done = train(tmp_path, model_load_path=str(run_folder(first) / "best"), **using(other))
    assert done.returncode != 0
    assert "trained on another base model" in done.stderr


def another_model(vlm, folder, name):
    """Copy a base model and change one of its weights a little."""
    shutil.copytree(vlm, folder)
    tensors = load_file(folder / "model.safetensors")
    tensors[name] = tensors[name] * 1.5
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def using(vlm):
    block = {"pretrained_model_name_or_path": str(vlm)}
    return {"model_path": str(vlm), "vlm": block, "tokenizer": block}


def refused(train, first, folder, **overrides):
    """Resume from `first` with something changed; return what the run said, having trained nothing."""
    before = {path: path.read_bytes() for path in sorted(run_folder(first).rglob("*")) if path.is_file()}
    done = train(folder, resume=str(run_folder(first) / "last.ckpt"), trainer={"max_epochs": 2}, **overrides)
    assert done.returncode != 0
    assert "This run differs from the one it would resume" in done.stderr
    assert before == {path: path.read_bytes() for path in sorted(run_folder(first).rglob("*")) if path.is_file()}
    assert not list(folder.rglob("last.ckpt")) + list(folder.rglob("run.json"))
    return done.stderr


def test_other_settings_stop_a_resume_with_a_table(train, first, tmp_path):
    said = refused(train, first, tmp_path, learning_rate=1e-3, act_head={"hidden_size": 32}, batch_size=2)
    lines = [line.split() for line in said.splitlines()]
    assert ["batch_size", "1", "2"] in lines and ["learning_rate", "0.01", "0.001"] in lines
    assert "act_head.hidden_size" not in said


@pytest.mark.slow
def test_another_rank_stops_a_resume_without_a_line_for_every_tensor(train, first, tmp_path):
    said = refused(train, first, tmp_path, learning_rate=1e-2, train_setup={"lora_r": 8})
    lines = said.splitlines()
    assert ["train_setup.lora_r", "4", "8"] in [line.split() for line in lines]
    (shapes,) = [line for line in lines if "tensors of another shape: " in line]
    assert shapes.count(", expected (") == 2 and " more." in shapes and len(shapes) < 400


def test_a_refused_run_leaves_no_empty_folder(train, tmp_path):
    none = {"episode_pattern": "absent_*.h5"}
    done = train(tmp_path, train_dataset=none, val_dataset=none)
    assert "No file in" in done.stderr and not list(tmp_path.glob("runs/checkpoints/*/*/*/*"))


def test_other_data_stops_a_resume(train, first, tmp_path, episodes):
    data = tmp_path / "data"
    shutil.copytree(episodes, data)
    write_episodes(tmp_path / "more", episodes=7, seed=0, size=(64, 36))
    (new,) = {path.name for path in (tmp_path / "more").glob("*.h5")} - {path.name for path in data.glob("*.h5")}
    shutil.copy(tmp_path / "more" / new, data)
    block = {"data_dir": str(data)}
    said = refused(train, first, tmp_path, learning_rate=1e-2, train_dataset=block, val_dataset=block)
    assert f"episode {new}" in said and "not there" in said


@pytest.mark.slow
def test_another_base_model_stops_a_resume_wherever_it_differs(train, first, tmp_path, tiny_vlm):
    """In a weight under the adapters the fingerprint tells, in any other the loss of the probe batch."""
    adapted = another_model(tiny_vlm, tmp_path / "adapted", "text_model.model.layers.0.self_attn.q_proj.weight")
    (tmp_path / "one").mkdir()
    assert "base model" in refused(train, first, tmp_path / "one", learning_rate=1e-2, **using(adapted))
    other = another_model(tiny_vlm, tmp_path / "other", "text_model.model.embed_tokens.weight")
    (tmp_path / "two").mkdir()
    assert "loss of the probe batch" in refused(train, first, tmp_path / "two", learning_rate=1e-2, **using(other))


@pytest.mark.slow
def test_an_epoch_without_validation_is_never_the_best(train, tmp_path):
    done = train(tmp_path, trainer={"max_epochs": 3, "check_val_every_n_epoch": 2})
    assert done.returncode == 0, done.stderr[-3000:]
    assert [bool(row["val_loss"]) for row in losses(tmp_path)] == [False, True, False]
    metrics = json.loads((run_folder(tmp_path) / "best" / "metrics.json").read_text())
    assert (metrics["epoch"], metrics["monitor"]) == (1, "val_loss")


def test_a_metric_nobody_logs_is_named_and_the_epoch_is_kept(train, tmp_path):
    done = train(tmp_path, mobile={"checkpoints": {"monitor": "accuracy"}})
    assert done.returncode != 0
    assert "'accuracy', which this run does not log" in done.stderr and "val_loss_arm_act" in done.stderr
    run = run_folder(tmp_path)
    assert (run / "last.ckpt").is_file() and Path(run / "last" / "adapter_config.json").is_file()
    assert json.loads((run / "run.json").read_text())["status"].startswith("stopped: CheckpointError")
