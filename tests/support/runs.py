"""Runs of upstream's main.py for tests: the command, where a run writes, what it wrote."""

import csv
import json
import os
import zipfile
from pathlib import Path

import torch
from support.checkouts import STANDIN
from support.processes import run_warm

CONFIGS = Path(__file__).parents[2] / "configs"
TRAIN = ["-m", "robovlms_mobile", "train", "--root"]


def write_package(site, name, code, entry_points):
    """Lay out a package in folder `site`, for PYTHONPATH, as pip would install it. Returns `site`."""
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry_points)
    (site / f"{name}.py").write_text(code)
    return site


def train_demo(home):
    """Train the policy of `make demo` on the test double, below `home`; minutes. Returns its run's folder."""
    for verb in (
        "synth runs/demo/episodes --episodes 120 --frames 24 --size 320x180 --seed 0",
        "tiny-vlm runs/demo/tiny-kosmos-2",
    ):
        assert run_warm(["-m", "robovlms_mobile", *verb.split()], cwd=home).returncode == 0
    config = home / "config.json"
    (home / "configs").symlink_to(CONFIGS)
    config.write_text(json.dumps({"parent": "configs/mobile_vla_demo.json", "seed": 7}))
    done = run_warm([*TRAIN, STANDIN, config], cwd=home, timeout=1200)
    assert done.returncode == 0, done.stderr[-3000:]
    (run,) = [path.parent for path in (home / "runs").rglob("split.json")]
    return run


def run_folder(folder):
    """Return the folder of the one run below `folder`."""
    (record,) = (folder / "runs" / "output").rglob("run.json")
    return record.parent


def losses(folder):
    """Return the rows of the losses.csv of the run below `folder`."""
    with open(run_folder(folder) / "losses.csv", newline="") as file:
        return list(csv.DictReader(file))


def state(folder):
    """Return the resumable state of the run below `folder`."""
    return torch.load(run_folder(folder) / "last.ckpt", weights_only=True)


def assert_same(one, other):
    """Tensors, optimizer, schedule and history of two runs are equal, bit for bit."""
    first, second = state(one), state(other)
    assert first["state_dict"].keys() == second["state_dict"].keys()
    assert all(torch.equal(first["state_dict"][name], second["state_dict"][name]) for name in first["state_dict"])
    moments = [each["optimizer_states"][0]["state"] for each in (first, second)]
    assert moments[0].keys() == moments[1].keys() and moments[0]
    assert all(torch.equal(moments[0][k][name], moments[1][k][name]) for k in moments[0] for name in moments[0][k])
    assert first["lr_schedulers"] == second["lr_schedulers"]
    assert first["callbacks"]["EpochLosses"] == second["callbacks"]["EpochLosses"]
    assert first["robovlms_mobile"]["probe"]["loss"] == second["robovlms_mobile"]["probe"]["loss"]
    assert losses(one) == losses(other)


def write_run(folder, experiment=None, age=0):
    """A run's folder with a whole state, `age` seconds old; its run.json only where `experiment` is given."""
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / "last.ckpt", "w") as file:
        file.writestr("archive/data.pkl", bytes(range(256)) * 40)
    if experiment:
        (folder / "run.json").write_text(json.dumps({"config": {"exp_name": experiment}}))
    stamp = os.stat(folder / "last.ckpt").st_mtime - age
    os.utime(folder / "last.ckpt", (stamp, stamp))
    return folder / "last.ckpt"
