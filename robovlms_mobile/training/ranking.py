"""Which epochs of a run are its best: read from the folders on the disk, so that it is true after any crash."""

import math
from pathlib import Path

from robovlms_mobile.files import read_json

BEST = "best"


class Ranking:
    """The folders `best` and, where more than one is kept, `best-epoch-0007`.

    Args:
        folder: the run's.
        options: its `CheckpointOptions`.
    """

    def __init__(self, folder, options):
        self.folder, self.options = Path(folder), options

    def places(self, monitor: str, score: float, epoch: int) -> list[str]:
        """Return the names of the folders that an epoch of this score belongs in: list[str], empty for NaN."""
        if math.isnan(score):
            return []
        places = [BEST] if self.beats(score, BEST, monitor) else []
        if self.options.keep > 1:
            from robovlms_mobile.training.runners_up import place

            places += place(self, monitor, score, epoch)
        return places

    def drop(self, monitor: str) -> None:
        """Remove the folders of epochs that are no longer among the best."""
        if any(self.folder.glob(f"{BEST}-epoch-*")):
            from robovlms_mobile.training.runners_up import drop

            drop(self, monitor)

    def score(self, name: str, monitor: str) -> float | None:
        """Return the score of a folder, None where there is none or it goes by another metric."""
        metrics = read_metrics(self.folder / name)
        return metrics["score"] if metrics and metrics.get("monitor") == monitor else None

    def beats(self, score: float, name: str, monitor: str) -> bool:
        """True where a score is better than that of a folder, or the folder has none."""
        other = self.score(name, monitor)
        return other is None or (score < other if self.options.sense == "min" else score > other)


def read_metrics(folder: str | Path) -> dict | None:
    """Return the metrics.json of an adapter folder, None where there is none that can be read."""
    metrics = read_json(Path(folder) / "metrics.json")
    return metrics if isinstance(metrics, dict) and isinstance(metrics.get("score"), int | float) else None
