"""Folders of runs: what stands in one, and which are free."""

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

KEY = "robovlms_mobile"  # our entry in a Lightning checkpoint
STATE, RECORD = "last.ckpt", "run.json"
MARKS = (RECORD, STATE, "losses.csv", "*/adapter_config.json", "*/policy.safetensors")  # of a run's folder


def holds_run(folder: Path) -> bool:
    """True when a run has written into `folder`."""
    return any(any(Path(folder).glob(mark)) for mark in MARKS)


def fresh_folders(folder: Path) -> Iterator[Path]:
    """Yield `folder`, `folder-2`, `folder-3`, …, without those that hold a run."""
    names = (Path(folder) if number == 1 else Path(f"{folder}-{number}") for number in count(1))
    return (name for name in names if not holds_run(name))


def say(what: str) -> None:
    """Print a sentence on rank 0."""
    if os.environ.get("RANK", "0") == "0":
        print(f"robovlms-mobile: {what}", flush=True)
