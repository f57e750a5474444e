"""Runs of upstream's main.py for tests: the command, where a run writes, what it wrote."""

import csv

import torch

TRAIN = ["-m", "robovlms_mobile", "train", "--root"]


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
