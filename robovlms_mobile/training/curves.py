"""Loss curves of a run: `losses.csv` after each epoch, and `losses.png` where matplotlib is there."""

import csv
from pathlib import Path

from lightning.pytorch.callbacks import Callback

from robovlms_mobile.files import replace_file
from robovlms_mobile.training.saving import REFUSALS, say_refused

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
                try:
                    write(self.losses.history, folder / name)
                except REFUSALS as error:
                    say_refused(folder / name, error)

    def _plot(self, history, path):
        if self._can_plot is None:
            self._can_plot = _has_matplotlib()
            if not self._can_plot:
                print("robovlms-mobile: losses.csv only; for losses.png: pip install 'robovlms-mobile[plots]'")
        if self._can_plot:
            write_png(history, path)


def write_csv(history, path):
    """Write one line an epoch; gap is val_loss − train_loss, empty without validation."""
    with replace_file(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows({**row, "gap": gap(row)} for row in history)


def gap(row):
    """Return val_loss − train_loss of an epoch, None without validation."""
    return None if row["val_loss"] is None else row["val_loss"] - row["train_loss"]


def write_png(history, path):
    """Draw train and validation loss over epochs, and under them the gap."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(7, 5), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    epochs = [row["epoch"] + 1 for row in history]
    validated = [row for row in history if row["val_loss"] is not None]
    seen = [row["epoch"] + 1 for row in validated]
    above.plot(epochs, [row["train_loss"] for row in history], marker="o", markersize=3, label="train")
    if validated:
        above.plot(seen, [row["val_loss"] for row in validated], marker="o", markersize=3, label="validation")
    above.set(ylabel="loss", title="Loss by epoch")
    above.legend()
    below.axhline(0, color="0.7", linewidth=1)
    below.plot(seen, [gap(row) for row in validated], color="0.3", marker="o", markersize=3)
    below.xaxis.set_major_locator(MaxNLocator(integer=True))
    below.set(xlabel="epoch", ylabel="gap (val − train)")
    for axes in (above, below):
        axes.grid(alpha=0.3)
    with replace_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)


def _has_matplotlib():
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return False
    return True
