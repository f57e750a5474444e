"""Read what a run left in its folder: losses, adapters, pictures."""

import csv
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from robovlms_mobile.errors import CheckpointError
from robovlms_mobile.training.resume.folders import RECORD

LOSSES = "losses.csv"  # of each epoch that has ended


@dataclass(frozen=True)
class RunSummary:
    """A run in figures and paths.

    Attributes:
        epochs: how many were trained; `first` and `final` are their losses, dicts with train_loss and val_loss.
        best: metrics.json of the `best` folder: epoch (from 0), monitor, score.
        adapters: name of each folder of trained tensors → bytes in it.
        lora: False for a run without LoRA, whose folders hold the head (or the whole model) and no adapters.
    """

    folder: str
    epochs: int
    first: dict
    final: dict
    best: dict
    adapters: dict
    lora: bool
    picture: str | None

    def to_json(self) -> dict:
        """Return the summary as a dict of primitives."""
        return asdict(self)


def newest_run(folder: str | Path) -> Path:
    """Return the folder of the run that a folder is, or is in; of a folder of runs the one that wrote last.

    Among those a run that has not ended an epoch yet counts only where no other has.

    Raises:
        CheckpointError: there is none.
    """
    folder = Path(folder)
    for place in (folder, folder.parent) if folder.is_dir() else ():
        if (place / RECORD).is_file():
            return place
    found = list(folder.rglob(RECORD)) if folder.is_dir() else []
    if not found:
        raise CheckpointError(
            f"No run in {folder}: expected a run's folder, with its {RECORD}, a folder in it or one above it.",
            f"Train first, or name another folder; copy adapters together with the {RECORD} of their run.",
        )
    return max(found, key=lambda path: ((path.parent / LOSSES).is_file(), path.stat().st_mtime)).parent


def config_of(run: str | Path) -> dict:
    """Return the config that a run in folder `run` was trained with. Raises OSError for one without its record."""
    return json.loads((Path(run) / RECORD).read_text(encoding="utf-8"))["config"]


def summarise(folder: str | Path) -> RunSummary:
    """Return the `RunSummary` of `newest_run(folder)`. Raises CheckpointError for one without an epoch."""
    run = newest_run(folder)
    if not (run / LOSSES).is_file():
        raise CheckpointError(f"{run} has no {LOSSES}: its first epoch has not ended.", "Wait for it, or train again.")
    with open(run / LOSSES, newline="", encoding="utf-8") as file:
        rows = [
            {key: float(row[key]) if row[key] else None for key in ("train_loss", "val_loss")}
            for row in csv.DictReader(file)
        ]
    best = run / "best" / "metrics.json"
    picture = run / "losses.png"
    return RunSummary(
        folder=str(run),
        epochs=len(rows),
        first=rows[0],
        final=rows[-1],
        best=json.loads(best.read_text(encoding="utf-8")) if best.is_file() else {},
        adapters={path.parent.name: _size(path.parent) for path in sorted(run.glob("*/policy.safetensors"))},
        lora=any(run.glob("*/adapter_config.json")),
        picture=str(picture) if picture.is_file() else None,
    )


def _size(folder):
    return sum(file.stat().st_size for file in folder.iterdir())
