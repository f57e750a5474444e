"""Curves of several runs in one picture: losses, and whatever else they logged, over epochs."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

from robovlms_mobile.errors import CheckpointError, MobileError
from robovlms_mobile.files import replace_file
from robovlms_mobile.runs import newest_run
from robovlms_mobile.training.resume.folders import RECORD

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMATS = ("png", "svg", "pdf")
COLUMNS = 3
LEFT_OUT = ("loss", "lr-")  # parts of names: parts of the loss, and the learning rate


def history_of(folder: str | Path) -> list[dict]:
    """Return a run's epochs, rows as in `EpochLosses.history`; of a folder of runs those of the newest.

    Raises:
        CheckpointError: no run there, or its run.json is absent, damaged, or has no epoch yet.
    """
    record = newest_run(folder) / RECORD
    try:
        epochs = json.loads(record.read_text(encoding="utf-8"))["epochs"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise CheckpointError(
            f"{record} cannot be read as a run's record ({type(error).__name__}: {error})."
        ) from error
    if not epochs:
        raise CheckpointError(f"{record} has no epoch yet.", "Wait for the first one to end.")
    return epochs


def draw(histories: dict[str, list[dict]], path: Path) -> Path:
    """Draw runs' histories into a picture, one colour a run. Returns `path`.

    Args:
        histories: label → rows as `history_of` gives them.
        path: its ending says the format, one of FORMATS.

    Raises:
        MobileError: another ending, or matplotlib is missing.
    """
    kind = path.suffix.lstrip(".").lower()
    if kind not in FORMATS:
        raise MobileError(f"--out is {path}, expected a file that ends in .{', .'.join(FORMATS)}.")
    from robovlms_mobile.report.themes import THEMES, new_figure

    names = metrics(histories)
    columns = min(COLUMNS, 1 + len(names))
    lines = math.ceil((1 + len(names)) / columns)
    figure = new_figure(THEMES[0], (max(7.0, 4.6 * columns), 0.4 + 3.2 * lines))
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    _losses(axes[0], histories)
    for each, name in zip(axes[1:], names, strict=False):
        _metric(each, name, histories)
    for each in axes[1 + len(names) :]:
        each.set_visible(False)
    with replace_file(path) as temporary:
        figure.savefig(temporary, format=kind, dpi=120)
    return path


def metrics(histories: dict[str, list[dict]]) -> list[str]:
    """Return the names of what any run logged besides its losses, sorted."""
    logged = {name for rows in histories.values() for row in rows for name in row.get("logged") or {}}
    return sorted(name for name in logged if not any(part in name for part in LEFT_OUT))


def _losses(axes: "Axes", histories) -> None:
    """Training dashed, validation whole."""
    for number, (label, rows) in enumerate(histories.items()):
        for key, look in (("train_loss", "--"), ("val_loss", "-")):
            known = [row for row in rows if row[key] is not None]
            name = f"{label}, {'training' if key == 'train_loss' else 'validation'}"
            if known:
                epochs, values = [row["epoch"] + 1 for row in known], [row[key] for row in known]
                axes.plot(epochs, values, f"C{number}{look}", marker="o", markersize=3, label=name)
    _finish(axes, "loss")
    axes.legend(fontsize=8)


def _metric(axes: "Axes", name: str, histories) -> None:
    for number, rows in enumerate(histories.values()):
        known = [(row["epoch"] + 1, row["logged"][name]) for row in rows if name in (row.get("logged") or {})]
        if known:
            axes.plot(*zip(*known, strict=True), color=f"C{number}", marker="o", markersize=3)
    _finish(axes, name)


def _finish(axes, title):
    from matplotlib.ticker import MaxNLocator

    axes.set(title=title, xlabel="epoch")
    axes.title.set_size(10)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
