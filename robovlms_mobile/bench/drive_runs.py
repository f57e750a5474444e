"""The trainings and drives of `bench drive`: each is done once, and what is finished is found again."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robovlms_mobile.bench.drive_rows import ROWS, Row
from robovlms_mobile.checkout.location import shipped
from robovlms_mobile.config.parents import updated
from robovlms_mobile.errors import CheckpointError, MobileError
from robovlms_mobile.runs import config_of, summarise

DEMO = "mobile_vla_demo.json"
EPISODES: dict[str, Any] = {"episodes": 120, "frames": 24, "size": (320, 180), "seed": 0}  # as make demo writes them
COUNTED = ("success", "parked", "collision", "wrong_side")


@dataclass(frozen=True)
class Plan:
    """What to train and where to drive.

    Attributes:
        out: folder for episodes, base model, runs and figures; what is finished in it is not done again.
        root: the RoboVLMs checkout; None looks for it.
        seeds: of the trainings.
        worlds: rooms each policy drives through.
        rooms: seed of the rooms.
        epochs: of each training; None for the demo's.
    """

    out: Path
    root: Path | None = None
    seeds: tuple = (11, 12, 13)
    worlds: int = 96
    rooms: int = 777001
    epochs: int | None = None


def make_materials(out: Path) -> None:
    """Make the demo's episodes and its base model in a folder, where they are not there yet."""
    from robovlms_mobile.simulation.recordings import write_episodes
    from robovlms_mobile.simulation.tiny_vlm import make_seeing_vlm

    out.mkdir(parents=True, exist_ok=True)
    if not (made := out / "made").exists():
        write_episodes(out / "episodes", overwrite=True, **EPISODES)
        make_seeing_vlm(out / "tiny-kosmos-2", overwrite=True)
        made.touch()


def driven(plan: Plan, row: Row, seed: int) -> dict[str, list[int]]:
    """Return how a row's policy of one training seed drives: outcome → 0 or 1 of each room.

    Raises:
        MobileError: its training failed; names the file with what it said.
    """
    path = plan.out / f"{_slug(row.name)}-{seed}.json"
    settings = {"config": _config(plan, row, seed), "drive": row.drive, "blind": row.blind}
    settings |= {"worlds": plan.worlds, "rooms": plan.rooms}
    if path.is_file() and (kept := json.loads(path.read_text()))["settings"] == settings:
        return kept["outcomes"]
    outcomes = _drive(plan, row, _trained(plan, settings["config"]))
    path.write_text(json.dumps({"settings": settings, "outcomes": outcomes}) + "\n")
    return outcomes


def _drive(plan, row, run):
    from robovlms_mobile.evaluation.controllers import Trained
    from robovlms_mobile.evaluation.rollout import roll_out
    from robovlms_mobile.evaluation.trained import TrainedPolicy

    controller = Trained(TrainedPolicy(run, plan.root), row.blind)
    verdicts = roll_out(controller, plan.worlds, plan.rooms, **row.drive).verdicts
    return {name: [int(getattr(each, name)) for each in verdicts] for name in COUNTED}


def _config(plan, row, seed):
    """Return the config of a row's training; rows that only drive otherwise share the reference's."""
    trained_as = next((each for each in ROWS if each.config == row.config), row)
    config = {"parent": str(shipped("configs") / DEMO), "seed": seed, "exp_name": f"{_slug(trained_as.name)}-{seed}"}
    model, folder = str(plan.out / "tiny-kosmos-2"), str(plan.out / "episodes")
    config |= {"model_path": model, "model_config": f"{model}/config.json"}
    config |= {f"{name}_root": str(plan.out / name) for name in ("output", "log", "cache")}
    config["trainer"] = {"enable_progress_bar": False} | ({"max_epochs": plan.epochs} if plan.epochs else {})
    config |= {block: {"pretrained_model_name_or_path": model} for block in ("tokenizer", "vlm")}
    config |= {block: {"data_dir": folder} for block in ("train_dataset", "val_dataset")}
    return updated(config, row.config, Path(DEMO))


def _trained(plan, config):
    """Return the folder of the finished run of a config, trained now where there is none."""
    name = config["exp_name"]
    path = plan.out / f"{name}.config.json"
    if path.is_file() and json.loads(path.read_text()) == config and (run := _finished(plan.out, name)):
        return run
    path.write_text(json.dumps(config, indent=1) + "\n")
    log = plan.out / f"{name}.log"
    command = [sys.executable, "-m", "robovlms_mobile", "train", "--root", str(plan.root), str(path)]
    with open(log, "w") as file:  # the demo's own parent is found from the folder above configs/
        code = subprocess.run(
            command,
            cwd=shipped("configs").parent,
            env={"OMP_WAIT_POLICY": "PASSIVE", **os.environ},
            stdout=file,
            stderr=subprocess.STDOUT,
        ).returncode
    run = _finished(plan.out, name)
    if code or run is None:
        raise MobileError(f"The training of {name} ended with exit code {code}; what it said is in {log}.")
    return run


def _finished(out, name):
    """Return the newest run of a name that trained all its epochs, else None."""
    for folder in sorted(out.glob(f"output/**/{name}"), reverse=True):
        try:
            if summarise(folder).epochs == config_of(folder)["trainer"]["max_epochs"]:
                return folder
        except (CheckpointError, OSError):
            continue
    return None


def _slug(name):
    return "".join(each if each.isalnum() else "-" for each in name.lower()).strip("-")
