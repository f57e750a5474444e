"""The picture of a run's loss curves, `losses.png`. Loaded where matplotlib is there, when the first is drawn."""

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from robovlms_mobile.files import replace_file
from robovlms_mobile.training.curves import gap


def write_png(history: list[dict], path: Path) -> None:
    """Draw train and validation loss over epochs, and under them the gap; rows as in `EpochLosses.history`."""
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
