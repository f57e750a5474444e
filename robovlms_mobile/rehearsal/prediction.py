"""Will a run fit a device that is not here? Counted, and where it does not, what to change, each tried."""

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robovlms_mobile.errors import ConfigError
from robovlms_mobile.options import BITS, all_frozen
from robovlms_mobile.rehearsal.counted_batch import counted_windows
from robovlms_mobile.rehearsal.counted_step import Counted, counted

GIB = 2**30
OVERHEAD = int(0.75 * GIB)  # CUDA's context, libraries and what its allocator cannot use: assumed, never measured
SHARED = 4 * GIB  # what system and data workers need where the GPU has the machine's memory: assumed as well
DEVICES = {"jetson-orin-16gb": "16GB-shared", "jetson-orin-8gb": "8GB-shared"}


@dataclass(frozen=True)
class Try:
    """A config that was counted.

    Attributes:
        changes: dotted key → value, over the run's own config; {} for the run as it is.
        counted: what it needs.
        fits: whether that and what CUDA itself needs fit the device.
    """

    changes: dict[str, Any]
    counted: Counted
    fits: bool


def predict(configs: dict, root: str | Path, device: str, architecture: Any = None) -> list[Try]:
    """Count a run on fake tensors; while it does not fit, count it again with one change more.

    Args:
        device: "16GB" for a card of so much memory, "16GB-shared" where that is the machine's, or one of DEVICES.
        architecture: see `counted_step.counted`.

    Returns:
        the run as it is, then each change that was needed, all before it included. The last may still not fit.

    Raises:
        ConfigError: no such device.
    """
    room, tries, changes = memory(device), [], {}
    for change in ({}, *_changes(configs)):
        changes = {**changes, **change}
        found = counted(changed(configs, changes), root, architecture)
        tries.append(Try(changes, found, found.peak + OVERHEAD <= room))
        if tries[-1].fits:
            break
    return tries


def memory(device: str) -> int:
    """Return the bytes a device has for a run. Raises ConfigError for one that is not known."""
    amount = re.fullmatch(r"(\d+(?:\.\d+)?)\s*GB(-shared)?", DEVICES.get(device, device), re.IGNORECASE)
    if not amount:
        raise ConfigError(f"--for is {device!r}, expected an amount, e.g. 16GB, or one of {', '.join(DEVICES)}.")
    return int(float(amount[1]) * GIB) - (SHARED if amount[2] else 0)


def changed(configs: dict, changes: dict[str, Any]) -> dict:
    """Return a config with dotted keys set to other values."""
    config = copy.deepcopy(configs)
    for key, value in changes.items():
        *sections, name = key.split(".")
        inner = config
        for section in sections:
            inner = inner.setdefault(section, {})
        inner[name] = value
    return config


def _changes(configs: dict) -> Iterator[dict[str, Any]]:
    """Yield what makes a run smaller, the cheapest first; all but the last two without changing what it learns."""
    trainer, checkpointing = configs["trainer"], configs["train_setup"].get("gradient_checkpointing")
    if checkpointing == "auto":  # which the run itself would do
        yield {"train_setup.gradient_checkpointing": True}
    if str(trainer.get("precision")).startswith("32"):
        yield {"trainer.precision": "bf16-mixed"}
    if configs["batch_size"] > 1:
        steps = configs["batch_size"] * trainer.get("accumulate_grad_batches", 1)
        yield {"batch_size": 1, "trainer.accumulate_grad_batches": steps}
    if (configs.get("mobile") or {}).get("embeddings") != "host":
        yield {"mobile.embeddings": "host"}
    if checkpointing not in (True, "auto"):
        yield {"train_setup.gradient_checkpointing": True}
    if configs["train_dataset"].get("batch", "window") != "window":
        steps = counted_windows(configs)[0] * trainer.get("accumulate_grad_batches", 1)
        apart = {f"{block}.batch": "window" for block in ("train_dataset", "val_dataset")}
        yield {**apart, "trainer.accumulate_grad_batches": steps}
    if not (configs.get("mobile") or {}).get("optimizer"):
        yield {"mobile.optimizer": "adamw8bit"}
    if all_frozen(configs["train_setup"]) and configs["train_setup"].get("bits") not in BITS:
        yield {"train_setup.bits": BITS[0]}
