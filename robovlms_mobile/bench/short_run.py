"""One optimizer step of a run through upstream's own `main.py`, held open at its end for whoever measures it."""

import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from robovlms_mobile.checkout.location import shipped
from robovlms_mobile.config.load import load_config
from robovlms_mobile.errors import MobileError
from robovlms_mobile.rehearsal.main_run import run_main


@dataclass(frozen=True)
class Size:
    """A base model and what is trained of it.

    Attributes:
        kosmos: True for a Kosmos-2 of real size, with random weights; False for the tiny one.
        lora_r, lora_alpha, hidden_size: of the adapters, and of the LSTM head.
        memory_gb, disk_gb: what must be free, 10⁹ bytes.
    """

    kosmos: bool
    lora_r: int
    lora_alpha: int
    hidden_size: int
    memory_gb: float
    disk_gb: float


SIZES = {
    "tiny": Size(kosmos=False, lora_r=4, lora_alpha=8, hidden_size=32, memory_gb=1, disk_gb=0.1),
    "real": Size(kosmos=True, lora_r=32, lora_alpha=16, hidden_size=1024, memory_gb=16, disk_gb=17),
}
ONE_STEP = {
    "strategy": "auto",
    "max_epochs": 1,
    "max_steps": -1,
    "limit_train_batches": 1,
    "limit_val_batches": 1,
    "num_sanity_val_steps": 0,
    "logger": ["csv"],
    "enable_progress_bar": False,
}


def check_room(size: str, folder: str | Path) -> None:
    """Raise MobileError where memory or disk are too small for a size, before anything is written.

    Args:
        folder: on the disk that will be written to.
    """
    wanted = SIZES[size]
    rooms = (
        ("memory", _free_memory(), wanted.memory_gb),
        ("disk (set TMPDIR to choose another)", shutil.disk_usage(folder).free / 1e9, wanted.disk_gb),
    )
    short = [f"{needed:.0f} GB of {what}, free are {free:.1f}" for what, free, needed in rooms if free < needed]
    if short:
        raise MobileError(
            f"The size {size!r} needs {'; '.join(short)}. Run: robovlms-mobile bench checkpoint --size tiny"
        )


def at_end_of_run(root: Path, folder: Path, size: str, measure: Callable[[Any, Any], Any]) -> Any:
    """Train one step of one epoch, then call `measure` while the run still stands.

    Args:
        root: the checkout.
        folder: an empty one; the base model, episodes and the run are written there.
        size: "tiny" or "real".
        measure: called with Lightning's Trainer and upstream's LightningModule.

    Returns:
        what `measure` returned. What upstream prints is not shown.
    """
    from lightning.pytorch.callbacks import Callback

    class AtEnd(Callback):
        result = None

        def on_train_end(self, trainer, pl_module):
            self.result = measure(trainer, pl_module)

    folder, at_end = Path(folder), AtEnd()
    config = _config(folder, SIZES[size], _base_model(folder / "base", SIZES[size]), _episodes(folder / "episodes"))
    run_main(root, config, at_end)
    return at_end.result


def _config(folder, size, base, episodes):
    import torch

    config, cuda = load_config(shipped("configs") / "mobile_vla_lora.json"), torch.cuda.is_available()
    config["exp_name"] = "bench"
    config |= {f"{name}_root": str(folder / name) for name in ("output", "log", "cache")}
    config |= {"model_path": str(base), "model_config": str(base / "config.json")}
    config["trainer"] = {
        **ONE_STEP,
        "accelerator": "gpu" if cuda else "cpu",
        "precision": "16-mixed" if cuda else "32",
    }
    for block in ("vlm", "tokenizer"):
        config[block]["pretrained_model_name_or_path"] = str(base)
    for block in ("train_dataset", "val_dataset"):
        config[block] = {"type": "MobileVLAH5Dataset", "data_dir": str(episodes)}
    config["train_setup"] |= {"lora_r": size.lora_r, "lora_alpha": size.lora_alpha}
    config["act_head"]["hidden_size"] = size.hidden_size
    return config


def _episodes(folder):
    from robovlms_mobile.simulation.recordings import write_episodes

    write_episodes(folder, episodes=6, seed=0, size=(64, 36))
    return folder


def _base_model(folder, size):
    """Write the tiny Kosmos-2, or one of real size and random float32 weights. Returns the folder."""
    from robovlms_mobile.simulation.tiny_vlm import BLIND, FULL, make_tiny_vlm

    return make_tiny_vlm(folder, shape=replace(FULL, dtype="float32") if size.kosmos else BLIND)


def _free_memory():
    """Return 10⁹ bytes of memory a process can still get; infinite where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")) * 1024 / 1e9
    except (OSError, StopIteration, ValueError):
        return math.inf
