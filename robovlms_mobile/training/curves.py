"""Curves of a run: `losses.csv` after each epoch, and `losses.png` where matplotlib is there."""

import csv
from importlib.util import find_spec
from pathlib import Path

from lightning.pytorch.callbacks import Callback

from robovlms_mobile.files import replace_file
from robovlms_mobile.training.saving import unless_refused

COLUMNS = ("epoch", "step", "train_loss", "val_loss", "gap")


class LossCurves(Callback):
    """Writes into the run's folder on rank zero.

    Args:
        losses: the run's `EpochLosses`, earlier in the list of callbacks.
    """

    def __init__(self, losses):
        self.losses = losses
        self._can_plot = None

    def on_train_epoch_end(self, trainer, pl_module):
        if trainer.is_global_zero:
            folder = Path(pl_module.configs["output_dir"])
            for name, write in (("losses.csv", write_csv), ("losses.png", self._plot)):
                with unless_refused(folder / name):
                    write(self.losses.history, folder / name)

    def _plot(self, history, path):
        if self._can_plot is None and not _has_matplotlib():
            print("robovlms-mobile: losses.csv only; for losses.png: pip install 'robovlms-mobile[plots]'")
        self._can_plot = _has_matplotlib()
        if self._can_plot:
            from robovlms_mobile.training.loss_picture import write_png

            write_png(history, path)


def write_csv(history: list[dict], path: Path) -> None:
    """Write one line an epoch; gap is val_loss − train_loss; what else validation logs follows. Empty without it."""
    logged = sorted({name for row in history for name in row["logged"] if name.startswith("val_")})
    with replace_file(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*COLUMNS, *logged], extrasaction="ignore")
        writer.writeheader()
        writer.writerows({**row["logged"], **row, "gap": gap(row)} for row in history)


def gap(row: dict) -> float | None:
    """Return val_loss − train_loss of an epoch, None without validation."""
    return None if row["val_loss"] is None else row["val_loss"] - row["train_loss"]


def _has_matplotlib():
    return find_spec("matplotlib") is not None
