"""Upstream's own evaluation loads a run's last.ckpt, adapters only, and predicts what the adapter folder predicts."""

import json

import pytest
from support.checkouts import clone_of_real
from support.configs import merge, minimal_config

# The wrapper's history has a path for history_type "pre" only, but asks for it with "pre" only too: with "post" it
# hands on single frames, and the LSTM head keeps the window itself. Six frames outlast its window of four.
EVALUATE = """
import json, sys
import numpy as np, torch
import robovlms_mobile
robovlms_mobile.register()
root, config, state, folder, messages = sys.argv[1:]
sys.path.insert(0, root)
from eval.calvin.model_wrapper import CustomModel
from robovlms_mobile.adapters.loading import load_into
from robovlms_mobile.adapters.reading import read_adapters

def build(debug):
    torch.manual_seed(int(debug))  # what is not loaded would differ
    configs = json.load(open(config))
    return CustomModel(state, configs, torch.device("cpu"), save_dir=messages, debug=debug)

def act(model):
    frames = np.random.default_rng(0).integers(0, 256, (6, 36, 64, 3), dtype=np.uint8)
    model.reset()
    return [model.step({"rgb_obs": {"rgb_static": frame}}, "Go around the box.").tolist() for frame in frames]

upstreams, ours = build(debug=False), build(debug=True)
fresh = act(ours)
load_into(ours.model, read_adapters(folder).state)
print("RESULT" + json.dumps({"upstreams": act(upstreams), "ours": act(ours), "fresh": fresh}))
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """The real checkout as committed; upstream's evaluation has no double."""
    return clone_of_real(tmp_path_factory)


@pytest.fixture
def config(tiny_vlm, episodes, tmp_path):
    """Path of a config for one epoch."""
    config = minimal_config(tmp_path)
    merge(config, {"model_path": str(tiny_vlm), "learning_rate": 1e-2})
    for block in ("vlm", "tokenizer"):
        config[block]["pretrained_model_name_or_path"] = str(tiny_vlm)
    for block in ("train_dataset", "val_dataset"):
        config[block]["data_dir"] = str(episodes)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    return path


@pytest.mark.slow
def test_upstreams_evaluation_predicts_what_the_adapter_folder_predicts(checkout, config, run_python, tmp_path):
    done = run_python(["-m", "robovlms_mobile", "train", "--root", checkout, config], cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    state = next(tmp_path.rglob("last.ckpt"))
    arguments = [checkout, config, state, state.parent / "last", tmp_path]
    done = run_python(["-c", EVALUATE, *arguments], cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("RESULT"))[6:])
    upstreams, ours, fresh = ([action[:6] for action in result[name]] for name in ("upstreams", "ours", "fresh"))
    assert upstreams == ours  # but for the gripper: a robot without one does not train it, and it is not saved
    assert upstreams != fresh
    loading = json.loads((tmp_path / "last.ckpt_loading_msg.json").read_text())
    assert loading["unexpected_keys"] == []
    assert not any(".lora_" in name or "head.actions" in name for name in loading["missing_keys"])
