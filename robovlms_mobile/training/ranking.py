"""Which epochs of a run are its best: read from the folders on the disk, so that it is true after any crash."""

import logging
import math
from pathlib import Path

from robovlms_mobile.files import read_json

log = logging.getLogger(__name__)
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
        kept, keep = self._kept(monitor), self.options.keep
        places = [BEST] if self._beats(score, BEST, monitor) else []
        if keep > 1 and (len(kept) < keep or self._beats(score, kept[-1], monitor)):
            places.append(f"{BEST}-epoch-{epoch + 1:04d}")
        return places

    def drop(self, monitor: str) -> None:
        """Remove the folders of epochs that are no longer among the best."""
        for name in self._kept(monitor)[self.options.keep :]:
            from robovlms_mobile.leftovers import remove_folder

            try:
                remove_folder(self.folder / name)
            except OSError as error:
                log.warning("%s could not be removed (%s). The run goes on.", self.folder / name, error.strerror)

    def score(self, name: str, monitor: str) -> float | None:
        """Return the score of a folder, None where there is none or it goes by another metric."""
        metrics = read_metrics(self.folder / name)
        return metrics["score"] if metrics and metrics.get("monitor") == monitor else None

    def _beats(self, score, name, monitor):
        other = self.score(name, monitor)
        return other is None or (score < other if self.options.sense == "min" else score > other)

    def _kept(self, monitor):
        """Return the names of `best-epoch-…` folders, the best first; those of another metric last."""
        scores = {path.name: self.score(path.name, monitor) for path in sorted(self.folder.glob(f"{BEST}-epoch-*"))}
        sign = 1 if self.options.sense == "min" else -1
        return sorted(scores, key=lambda name: math.inf if scores[name] is None else sign * scores[name])


def read_metrics(folder: str | Path) -> dict | None:
    """Return the metrics.json of an adapter folder, None where there is none that can be read."""
    metrics = read_json(Path(folder) / "metrics.json")
    return metrics if isinstance(metrics, dict) and isinstance(metrics.get("score"), int | float) else None
