"""What tests share: upstream (test double and real one), a tiny VLM, episodes, a config, a subprocess."""

import copy
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
STANDIN = TESTS / "standin"
QUIET = {
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
RENDEZVOUS = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
NO_REAL = "no real RoboVLMs checkout: run `git submodule update --init`, or set ROBOVLMS_ROOT"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Heavy tests run on the test double each time, on the real checkout with the slow ones."""
    for item in items:
        on_real = "callspec" in dir(item) and item.callspec.params.get("upstream_root") == "real"
        if on_real and item.get_closest_marker("heavy"):
            item.add_marker(pytest.mark.slow)


def real_checkout():
    """Return the folder of a real RoboVLMs checkout (ROBOVLMS_ROOT, else the submodule), or None."""
    root = Path(os.environ.get("ROBOVLMS_ROOT") or TESTS.parent / "RoboVLMs").resolve()
    return root if (root / "main.py").is_file() else None


@pytest.fixture(params=["standin", "real"], scope="session")
def upstream_root(request, tmp_path_factory):
    """The checkout under test, first the double, then the real one as committed, patched or not where it stands."""
    if request.param == "standin":
        return STANDIN
    return clone_of_real(tmp_path_factory)


def clone_of_real(tmp_path_factory):
    """Return the real checkout as committed, patched or not where it stands; skips the test where there is none."""
    root = real_checkout()
    if root is None:
        pytest.skip(NO_REAL)
    if not (root / ".git").exists():
        return root
    clone = tmp_path_factory.mktemp("upstream") / "RoboVLMs"
    git("clone", "--quiet", root, clone)
    return clone


@pytest.fixture
def upstream_copy(upstream_root, tmp_path):
    """A fresh git copy of the checkout under test, clean and at its commit: a test may patch it."""
    target = tmp_path / "RoboVLMs"
    if (upstream_root / ".git").exists():
        git("clone", "--quiet", upstream_root, target)
        return target
    shutil.copytree(upstream_root, target, ignore=shutil.ignore_patterns("__pycache__"))
    git("-C", target, "init", "--quiet")
    git("-C", target, "add", "--all", "--force")
    git(
        "-C",
        target,
        "-c",
        "user.name=tests",
        "-c",
        "user.email=tests@localhost",
        "commit",
        "--quiet",
        "-m",
        "copy",
    )
    return target


def git(*arguments):
    """Run git and return what it printed, stripped; raises where git fails."""
    command = ["git", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="session")
def tiny_vlm(tmp_path_factory):
    """Folder of a tiny Kosmos-2 with its processor, made once."""
    from robovlms_mobile.testing.tiny_vlm import make_tiny_vlm

    folder = tmp_path_factory.mktemp("vlm") / "tiny-kosmos2"
    make_tiny_vlm(folder)
    return folder


@pytest.fixture(scope="session")
def episodes(tmp_path_factory):
    """Folder of six synthetic episodes: 18 frames each, 64 x 36 pixels."""
    from robovlms_mobile.testing.episodes import write_episodes

    folder = tmp_path_factory.mktemp("episodes")
    write_episodes(folder, episodes=6, seed=0, size=(64, 36))
    return folder


@pytest.fixture
def make_config(request, tmp_path):
    """Factory: `make_config(trainer={"max_epochs": 2}, without=["fwd_head"])` → path of a config file.

    Keywords are merged into the minimal config, objects key by key; `without` names keys to leave out, dotted
    where nested; `name` is the file's name. The tiny VLM is made unless `model_path` is given (then set `vlm`
    and `tokenizer` too), the episodes where a dataset is MobileVLAH5Dataset and has no `data_dir` of its own.
    """

    def make(name="config.json", without=(), **overrides):
        config = minimal_config(tmp_path)
        if "model_path" not in overrides:
            folder = str(request.getfixturevalue("tiny_vlm"))
            config["model_path"] = folder
            for block in ("vlm", "tokenizer"):
                config[block]["pretrained_model_name_or_path"] = folder
        merge(config, overrides)
        for split in ("train_dataset", "val_dataset"):
            if config[split]["type"] == "MobileVLAH5Dataset":
                config[split].setdefault("data_dir", str(request.getfixturevalue("episodes")))
        for dotted in without:
            *parents, last = dotted.split(".")
            block = config
            for parent in parents:
                block = block[parent]
            del block[last]
        path = tmp_path / name
        path.write_text(json.dumps(config, indent=2))
        return path

    return make


@pytest.fixture(scope="session")
def write_config(tiny_vlm, episodes):
    """`write_config(folder, **overrides)` → path of a config of a run that writes below `folder`."""

    def write(folder, **overrides):
        config = minimal_config(folder)
        config["model_path"] = str(tiny_vlm)
        for block in ("vlm", "tokenizer"):
            config[block]["pretrained_model_name_or_path"] = str(tiny_vlm)
        for block in ("train_dataset", "val_dataset"):
            config[block]["data_dir"] = str(episodes)
        path = folder / "config.json"
        path.write_text(json.dumps(merge(config, overrides)))
        return path

    return write


def merge(base, extra):
    """Merge `extra` into `base` in place, objects key by key; everything else replaces. Returns `base`."""
    for key, value in extra.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            merge(base[key], value)
        else:
            base[key] = copy.deepcopy(value)
    return base


def minimal_config(folder):
    """Every key that upstream needs, for one short CPU run that writes below `folder`."""
    dataset = {"type": "MobileVLAH5Dataset", "episode_pattern": "episode_*.h5"}
    return {
        "seed": 0,
        "task_name": "test",
        "exp_name": "run",
        "model": "kosmos2",
        "model_path": "",
        "robovlm_name": "RoboKosMos",
        **{f"{name}_root": str(folder / "runs" / name) for name in ("output", "log", "cache")},
        "resume": None,
        "trainer": {
            "accelerator": "cpu",
            "strategy": "auto",
            "precision": "32",
            "max_epochs": 1,
            "max_steps": -1,
            "accumulate_grad_batches": 2,
            "logger": ["csv"],
            "log_every_n_steps": 1,
            "enable_progress_bar": False,
        },
        "train_setup": {
            "predict_action": True,
            "predict_forward": False,
            "predict_forward_hand": False,
            "predict_caption": False,
            "freeze_backbone": True,
            "train_vision": False,
            "train_text_embedding": False,
            "lora_enable": True,
            "lora_r": 4,
            "lora_alpha": 8,
            "lora_dropout": 0.0,
            "lora_bias": "none",
        },
        "act_head": {
            "type": "MobileLSTMDecoder",
            "hidden_size": 32,
            "num_layers": 1,
            "action_dim": 7,
            "action_space": "continuous",
            "down_sample": "none",
            "latent": 1,
            "with_history": True,
            "history_type": "post",
        },
        "fwd_head": None,
        "tokenizer": {"type": "AutoProcessor", "tokenizer_type": "kosmos", "max_text_len": 256},
        "vlm": {"type": "AutoModelForVision2Seq", "name": "kosmos"},
        "train_dataset": dict(dataset),
        "val_dataset": dict(dataset),
        "batch_size": 1,
        "num_workers": 1,
        "window_size": 4,
        "fwd_pred_next_n": 10,
        "image_size": 224,
        "seq_len": 1,
        "warmup_epochs": 0,
        "norm_action": True,
        "norm_min": -1.15,
        "norm_max": 1.15,
        "learning_rate": 1e-4,
        "min_lr_scale": 0.01,
        "weight_decay": 0.0,
        "use_hand_rgb": False,
        "cap_loss_ratio": 0.0,
        "arm_gripper_loss_ratio": 0.01,
        "fwd_loss_ratio": 0.0,
    }


def run_python(arguments, cwd, env=None, timeout=300):
    """Run this Python with `arguments` in `cwd`; return the CompletedProcess, stdout and stderr as text.

    One thread, no bytecode written, and no rank left over from this process; `env` is added on top (None
    removes a variable). A test checks `returncode` itself.
    """
    wanted = {**os.environ, **QUIET, **dict.fromkeys(RENDEZVOUS), **(env or {})}
    environ = {name: str(value) for name, value in wanted.items() if value is not None}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environ, timeout=timeout, capture_output=True, text=True)


@pytest.fixture(name="run_python", scope="session")
def run_python_fixture():
    """The function `run_python(arguments, cwd, env=None, timeout=300)`."""
    return run_python
