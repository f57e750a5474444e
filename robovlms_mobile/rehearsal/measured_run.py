"""The beginning of a run, on the device it is meant for: does it fit, and how long will the whole take?"""

import copy
import tempfile
import warnings
from pathlib import Path
from typing import Any

from robovlms_mobile.errors import MobileError
from robovlms_mobile.rehearsal.main_run import run_main
from robovlms_mobile.rehearsal.phases import Phases

STEPS = 2  # the second finds the optimizer's moments


def measure(configs: dict, root: str | Path) -> dict[str, Any]:
    """Train two optimizer steps of a config, validate one batch, save once; everything is written elsewhere.

    Args:
        configs: as `load_config` gives it.
        root: the checkout.

    Returns:
        dict: "phases" → {"seconds", "peak", "reserved" in bytes}, "hours" for all epochs, "checkpoint_bytes" of what
        the save wrote, "disk_bytes" of all that the run will keep.

    Raises:
        MobileError: whatever stops the run itself, or a GPU whose memory does not suffice.
    """
    import torch

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a policy of two steps
        phases = Phases()
        try:
            run_main(root, shortened(configs, folder), phases)
        except torch.cuda.OutOfMemoryError as error:
            held = torch.cuda.get_device_properties(0).total_memory / 2**30
            done = ", ".join(phases.found) or "nothing"
            what = f"It does not fit a GPU of {held:.1f} GiB; done before that: {done}."
            fix = f"Run: robovlms-mobile rehearse CONFIG --for {held:.1f}GB, which tries what would make it fit."
            raise MobileError(what, fix) from error
        saved = [each for each in Path(folder, "output").rglob("*") if each.is_file()]
        written = {name: sum(each.stat().st_size for each in saved if name in each.parts) for name in ("best", "last")}
        state = sum(each.stat().st_size for each in saved if each.name == "last.ckpt")
    epochs = configs["trainer"]["max_epochs"]
    every = ((configs.get("mobile") or {}).get("checkpoints") or {}).get("every_n_epochs", 10)
    return {
        "phases": phases.found,
        "hours": hours(phases, configs),
        "checkpoint_bytes": sum(written.values()) + state,
        "disk_bytes": sum(written.values()) + state + written["last"] * (epochs // every),
    }


def shortened(configs: dict, folder: str | Path) -> dict:
    """Return a config that ends after two steps, one batch of validation and one save, below `folder`."""
    short = copy.deepcopy(configs)
    short |= {f"{name}_root": str(Path(folder) / name) for name in ("output", "log", "cache")}
    short |= {"resume": None, "exp_name": "rehearsal"}
    short["trainer"] |= {
        "max_epochs": 1,
        "limit_train_batches": STEPS * short["trainer"].get("accumulate_grad_batches", 1),
        "limit_val_batches": 1,
        "num_sanity_val_steps": 0,
        "check_val_every_n_epoch": 1,
        "enable_progress_bar": False,
        "logger": ["csv"],
    }
    return short


def hours(phases: Phases, configs: dict) -> float:
    """Return how long all epochs take at the pace of the second step, with validation and saving."""
    trainer, seconds = configs["trainer"], {name: each["seconds"] for name, each in phases.found.items()}
    batch = seconds[f"step {STEPS}"] / trainer.get("accumulate_grad_batches", 1)
    epoch = batch * phases.batches.get("training", 0) + seconds["save"]
    epoch += seconds.get("validation", 0) * phases.batches.get("validation", 0)
    return (epoch * trainer["max_epochs"] + seconds["load"]) / 3600
