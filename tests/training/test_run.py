"""A run through upstream's own main.py, on stand-in and real checkout: what it trains, what it leaves behind."""

import hashlib
import importlib.util
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from support.processes import git
from support.runs import TRAIN, losses, run_folder, write_package

from robovlms_mobile.config.half import against_cpu
from robovlms_mobile.scoring.baselines import NAMES


@pytest.fixture(scope="module")
def finished(upstream_root, run_python, write_config, tmp_path_factory):
    """Folder and output of a run of two epochs with an adapter folder each."""
    folder = tmp_path_factory.mktemp("run")
    unsaid = {"color_order": None}  # the files say it
    blocks = {"train_dataset": unsaid, "val_dataset": unsaid}
    config = write_config(folder, trainer={"max_epochs": 2}, mobile={"checkpoints": {"every_n_epochs": 1}}, **blocks)
    done = run_python([*TRAIN, upstream_root, config], cwd=folder)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder, done


def test_it_leaves_adapters_a_resumable_state_and_curves_and_nothing_else(finished):
    folder, _ = finished
    left = sorted(path.name for path in run_folder(folder).iterdir())
    folders, files = ["best", "epoch-0001", "epoch-0002", "last"], ["last.ckpt", "losses.csv", "losses.png"]
    assert left == [*folders, *files, "run.json", "split.json"]
    assert sorted(path.name for path in (run_folder(folder) / "best").iterdir()) == [
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
        "contract.json",
        "metrics.json",
        "policy.safetensors",
    ]


def test_the_loss_goes_down_and_is_written_by_epoch(finished):
    rows = losses(finished[0])
    assert [row["epoch"] for row in rows] == ["0", "1"]
    assert float(rows[1]["val_loss"]) < float(rows[0]["val_loss"])
    assert float(rows[1]["gap"]) == pytest.approx(float(rows[1]["val_loss"]) - float(rows[1]["train_loss"]))


def test_the_policys_figures_are_in_every_record_beside_those_of_baselines(finished):
    run = json.loads((run_folder(finished[0]) / "run.json").read_text())
    last, (*_, row) = run["epochs"][-1], losses(finished[0])
    (logged,) = (finished[0] / "runs" / "log").rglob("metrics.csv")
    for name in ("val_mae", "val_rmse_linear_y", "val_chunk_mae", "val_direction_accuracy", "val_change_accuracy"):
        assert float(row[name]) == pytest.approx(last["logged"][name]) and name in logged.read_text().splitlines()[0]
    assert set(run["baselines"]) == set(last["not_beaten"]) == set(NAMES)
    assert run["baselines"]["previous_action"]["change_accuracy"] == 0
    assert len(last["by_scenario"]) == 2 and all(each["mae"] > 0 for each in last["by_scenario"].values())
    assert finished[1].stdout.count("; beats ") + finished[1].stdout.count("; not ") >= 2
    assert "audit: 8 image tokens and 18 instruction tokens reach the action" in finished[1].stdout
    assert run["audit"]["tokens"] == {"image": 8, "instruction": 18} and run["audit"]["faults"] == []


FRAME_BY_FRAME = """
import json, sys
from pathlib import Path
import numpy as np
from robovlms_mobile.data.hdf5.frames import read_frames
from robovlms_mobile.data.instructions import instruction_for
from robovlms_mobile.evaluation.run_data import episodes_of
from robovlms_mobile.evaluation.trained import TrainedPolicy

root, folder, frames = sys.argv[1:]
policy = TrainedPolicy(folder, root)
errors = []
for episode in episodes_of(policy.configs, policy.run)[1]:
    policy.reset([instruction_for(episode)])
    for picture, action in zip(read_frames(episode, range(int(frames)), "rgb"), episode.actions):
        errors.append(np.abs(policy.act([picture])[0, 0] - action[:2]).mean())
print(json.dumps(float(np.mean(errors))))
"""


@pytest.mark.heavy
def test_a_validations_error_is_that_of_a_robot_that_drives_through_the_episodes(finished, upstream_root, run_python):
    """Frame by frame on the last epoch's adapters; full windows show the first 8 frames of 18."""
    command = ["-c", FRAME_BY_FRAME, upstream_root, run_folder(finished[0]) / "last", 8]
    done = run_python(command, cwd=finished[0])
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == pytest.approx(
        float(losses(finished[0])[-1]["val_mae"]), abs=1e-5
    )


def test_the_best_folder_is_the_epoch_with_the_lowest_validation_loss(finished):
    metrics = json.loads((run_folder(finished[0]) / "best" / "metrics.json").read_text())
    best = min(losses(finished[0]), key=lambda row: float(row["val_loss"]))
    assert metrics["monitor"] == "val_loss"
    assert (metrics["epoch"], metrics["score"]) == (int(best["epoch"]), pytest.approx(float(best["val_loss"])))


def test_every_adapter_is_trained(finished):
    tensors = load_file(run_folder(finished[0]) / "last" / "adapter_model.safetensors")
    assert len(tensors) == 2 * 6 * 2  # layers, linears, A and B
    untrained = [name for name, tensor in tensors.items() if "lora_B" in name and not tensor.any()]
    assert untrained == []


def test_checkpoints_hold_trainable_tensors_only(finished, tiny_vlm):
    run = run_folder(finished[0])
    state = torch.load(run / "last.ckpt", weights_only=True)["state_dict"]
    assert all(".lora_" in name or name.startswith(("model.act_head.", "model.action_token")) for name in state)
    policy = load_file(run / "last" / "policy.safetensors")
    adapters = load_file(run / "last" / "adapter_model.safetensors")
    assert len(policy) + len(adapters) == len(state)
    assert not any("gripper" in name for name in policy)


def test_the_contract_says_what_the_robot_must_know(finished):
    contract = json.loads((run_folder(finished[0]) / "last" / "contract.json").read_text())
    assert contract["action"]["dims"] == ["linear_x", "linear_y"]
    assert (contract["action"]["low"], contract["action"]["high"]) == (-1.15, 1.15)
    assert contract["image"]["color_order"] == "rgb"
    config = json.loads((run_folder(finished[0]) / "run.json").read_text())["config"]
    assert config["train_dataset"]["color_order"] == config["val_dataset"]["color_order"] == "rgb"


def test_plain_peft_gives_the_hidden_states_of_the_trained_model(finished, tiny_vlm):
    """Rebuild the trained text model from last.ckpt by hand and compare it with what PeftModel makes of the folder."""
    from peft import LoraConfig as Config
    from peft import PeftModel, inject_adapter_in_model
    from transformers import Kosmos2ForConditionalGeneration as Kosmos

    run = run_folder(finished[0])
    embeds = torch.linspace(-1, 1, 2 * 5 * 64).reshape(2, 5, 64)
    plain = Kosmos.from_pretrained(tiny_vlm).eval()
    with torch.no_grad():
        base = plain.text_model.model(inputs_embeds=embeds).last_hidden_state
        loaded = PeftModel.from_pretrained(plain, str(run / "last")).eval()
        ours = loaded.base_model.model.text_model.model(inputs_embeds=embeds).last_hidden_state
        trained = Kosmos.from_pretrained(tiny_vlm).eval()
        inject_adapter_in_model(Config.from_pretrained(str(run / "last")), trained)
        state = torch.load(run / "last.ckpt", weights_only=True)["state_dict"]
        prefix = "model.backbone."
        state = {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
        assert not trained.load_state_dict(state, strict=False).unexpected_keys
        expected = trained.text_model.model(inputs_embeds=embeds).last_hidden_state
    torch.testing.assert_close(ours, expected, rtol=0, atol=0)
    assert not torch.allclose(ours, base)


def test_one_table_says_what_is_trained(finished):
    table = [line for line in finished[1].stdout.splitlines() if line.startswith(("LoRA adapters", "text model"))]
    assert len(table) == 2
    frozen_text = next(line for line in table if line.startswith("text model")).split()
    assert frozen_text[2] == "0"


def test_resume_goes_on_with_epoch_step_and_history(upstream_root, run_python, write_config, finished, tmp_path):
    state = run_folder(finished[0]) / "last.ckpt"
    mobile = {"checkpoints": {"monitor": "val_direction_accuracy"}}
    config = write_config(tmp_path, trainer={"max_epochs": 3}, resume=str(state), mobile=mobile)
    done = run_python([*TRAIN, upstream_root, config], cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    best, (*_, row) = json.loads((run_folder(tmp_path) / "best" / "metrics.json").read_text()), losses(tmp_path)
    assert (best["mode"], best["score"]) == ("max", pytest.approx(float(row["val_direction_accuracy"])))
    record = json.loads((run_folder(tmp_path) / "run.json").read_text())
    assert record["baselines"] == json.loads((run_folder(finished[0]) / "run.json").read_text())["baselines"]
    assert "audit:" not in done.stdout  # the run was audited when it began
    before, after = losses(finished[0]), losses(tmp_path)
    assert after[:2] == before
    assert [int(row["step"]) for row in after] == [int(before[0]["step"]) * n for n in (1, 2, 3)]


@pytest.mark.heavy
@pytest.mark.slow
def test_resuming_with_other_lora_settings_names_the_difference(
    upstream_root, run_python, write_config, finished, tmp_path
):
    state = run_folder(finished[0]) / "last.ckpt"
    config = write_config(tmp_path, trainer={"max_epochs": 3}, train_setup={"lora_r": 2}, resume=str(state))
    done = run_python([*TRAIN, upstream_root, config], cwd=tmp_path)
    assert done.returncode != 0
    assert "24 tensors of another shape" in done.stderr and "train_setup.lora_r" in done.stderr


@pytest.mark.heavy
@pytest.mark.slow
def test_validation_smaller_than_a_batch_is_said_and_best_goes_by_the_training_loss(
    upstream_root, run_python, write_config, tmp_path
):
    config = write_config(tmp_path, batch_size=11)  # of 20 training and 10 validation windows
    done = run_python([*TRAIN, upstream_root, config], cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "robovlms-mobile: This run has no val_loss" in done.stderr
    metrics = json.loads((run_folder(tmp_path) / "best" / "metrics.json").read_text())
    assert metrics["monitor"] == "train_loss"
    assert losses(tmp_path)[0]["gap"] == ""


PAST_THE_END = """
import torch
from robovlms_mobile.data.dataset import MobileVLAH5Dataset
class PastTheEnd(MobileVLAH5Dataset):
    def __getitem__(self, index):
        sample = super().__getitem__(index)
        mask = sample["chunck_mask"]  # (W, N)
        real = torch.cat([mask[0], mask[1:, -1]])  # (W + N - 1,)
        sample["action"][~real] = 1e4
        return sample
"""


SLOW = [pytest.param(head, marks=pytest.mark.slow) for head in ("MobileFCDecoder", "MobileGPTDecoder")]


@pytest.mark.parametrize("head", ["LSTMDecoder", *SLOW])
@pytest.mark.heavy
@pytest.mark.slow
def test_padded_windows_train_and_what_is_masked_takes_no_part(upstream_root, run_python, write_config, tmp_path, head):
    """The stock head as well. The dataset, of another package, puts nonsense where a window's actions are not real."""
    entry = "[robovlms.data]\nPastTheEnd = tinydata:PastTheEnd\n"
    site = write_package(tmp_path / "site", "tinydata", PAST_THE_END, entry)
    both = {"type": "PastTheEnd", "windows": "padded"}
    config = write_config(tmp_path, train_dataset=both, val_dataset=both, act_head={"type": head}, batch_size=8)
    done = run_python([*TRAIN, upstream_root, config], cwd=tmp_path, env={"PYTHONPATH": str(site)})
    assert done.returncode == 0, done.stderr[-3000:]
    (row,) = losses(tmp_path)
    assert 0 < float(row["train_loss"]) < 2 and 0 < float(row["val_loss"]) < 2
    weights = load_file(run_folder(tmp_path) / "last" / "policy.safetensors")
    assert any("gripper" in name for name in weights) == (head == "LSTMDecoder")
    assert all(torch.isfinite(each).all() for each in weights.values())


FOREIGN = """
from torch.utils.data import Dataset
from robovlms_mobile.data.dataset import MobileVLAH5Dataset
class Foreign(Dataset):
    def __init__(self, **config):
        self.own = MobileVLAH5Dataset(**config)
    def __len__(self):
        return len(self.own)
    def __getitem__(self, number):
        return self.own[number]
    def collater(self, samples):
        return {key: value for key, value in self.own.collater(samples).items() if key != "index"}
"""


@pytest.mark.heavy
@pytest.mark.slow
def test_another_dataset_trains_and_what_is_not_looked_at_is_said_once(
    upstream_root, run_python, write_config, tmp_path
):
    site = write_package(tmp_path / "site", "foreign", FOREIGN, "[robovlms.data]\nForeign = foreign:Foreign\n")
    both = {"type": "Foreign"}
    config = write_config(tmp_path, train_dataset=both, val_dataset=both, trainer={"max_epochs": 2})
    done = run_python([*TRAIN, upstream_root, config], cwd=tmp_path, env={"PYTHONPATH": str(site)})
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stderr.count("no figures of the policy") == done.stderr.count("audit: not checked") == 1
    assert [row["val_loss"] != "" for row in losses(tmp_path)] == [True, True]


@pytest.mark.heavy
@pytest.mark.slow
def test_half_precision_on_a_cpu_is_refused_with_the_flag_to_use(upstream_root, run_python, write_config, tmp_path):
    config = write_config(tmp_path, trainer={"precision": "16-mixed", "accelerator": "cpu"})
    done = run_python([*TRAIN, upstream_root, config], cwd=tmp_path)
    assert done.returncode != 0
    assert "--precision 32" in done.stderr
    assert not list(tmp_path.glob("runs/checkpoints/*/*/*/*"))


@pytest.mark.heavy
@pytest.mark.skipif(against_cpu("bf16-mixed") is not None, reason="this CPU has no LSTM in bf16")
@pytest.mark.slow
def test_bf16_on_a_cpu_trains_adapters_in_full_on_a_base_model_in_half(
    upstream_root, run_python, write_config, tmp_path
):
    config = write_config(tmp_path, trainer={"precision": "bf16-mixed"}, mobile={"base_dtype": "bf16"})
    done = run_python([*TRAIN, upstream_root, config], cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    (adapters,) = tmp_path.rglob("best/adapter_model.safetensors")
    tensors = load_file(adapters)
    assert {str(each.dtype) for each in tensors.values()} == {"torch.float32"}
    assert all(each.any() for each in tensors.values())


@pytest.mark.heavy
def test_episodes_as_batches_train_and_validate_on_every_window(upstream_root, run_python, write_config, tmp_path):
    config = write_config(tmp_path, batch_size=1, train_dataset={"batch": "episode"}, val_dataset={"batch": "episode"})
    done = run_python([*TRAIN, upstream_root, config], cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    (row,) = losses(tmp_path)
    record = json.loads((run_folder(tmp_path) / "run.json").read_text())
    assert float(row["val_loss"]) > 0 and record["epochs"][0]["by_scenario"]
    assert int(row["step"]) == -(-len(record["data"]["train"]) // 2)  # accumulated over two episodes


def test_a_pristine_checkout_and_site_packages_stay_as_they_are(upstream_copy, run_python, write_config, tmp_path):
    """With `"model": "kosmos"`, for which upstream would overwrite transformers' own file."""
    kosmos = Path(importlib.util.find_spec("transformers.models.kosmos2.modeling_kosmos2").origin)
    before = hashlib.sha256(kosmos.read_bytes()).hexdigest()
    config = write_config(tmp_path, model="kosmos")
    done = run_python([*TRAIN, upstream_copy, config], cwd=upstream_copy)
    assert done.returncode == 0, done.stderr[-3000:]
    assert git("-C", upstream_copy, "status", "--porcelain") == ""
    assert hashlib.sha256(kosmos.read_bytes()).hexdigest() == before
    assert '"model" is "kosmos2" from here on' in done.stdout


@pytest.mark.slow
@pytest.mark.heavy
def test_two_processes_train_and_write_one_set_of_adapters(upstream_root, run_python, write_config, tmp_path):
    config = write_config(tmp_path, trainer={"strategy": "ddp", "max_epochs": 1})
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    done = run_python([*launcher, *TRAIN, upstream_root, config, "--gpus", "2"], cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(list((tmp_path / "runs").rglob("adapter_model.safetensors"))) == 2  # best and last
    assert len(losses(tmp_path)) == 1
    assert int(losses(tmp_path)[0]["step"]) == 5  # 20 windows over 2 processes, 2 a step
