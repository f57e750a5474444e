"""The best epochs besides `best`, in folders like `best-epoch-0007`, where more than one is kept."""

import logging
import math

from robovlms_mobile.leftovers import remove_folder
from robovlms_mobile.training.ranking import BEST, Ranking

log = logging.getLogger(__name__)


def place(ranking: Ranking, monitor: str, score: float, epoch: int) -> list[str]:
    """Return the name of the folder of an epoch of this score, as a list: empty where others are better."""
    kept = _kept(ranking, monitor)
    better = len(kept) < ranking.options.keep or ranking.beats(score, kept[-1], monitor)
    return [f"{BEST}-epoch-{epoch + 1:04d}"] if better else []


def drop(ranking: Ranking, monitor: str) -> None:
    """Remove the folders of epochs that are no longer among the best."""
    for name in _kept(ranking, monitor)[ranking.options.keep :]:
        try:
            remove_folder(ranking.folder / name)
        except OSError as error:
            log.warning("%s could not be removed (%s). The run goes on.", ranking.folder / name, error.strerror)


def _kept(ranking, monitor):
    """Return the names of `best-epoch-…` folders, the best first; those of another metric last."""
    scores = {path.name: ranking.score(path.name, monitor) for path in sorted(ranking.folder.glob(f"{BEST}-epoch-*"))}
    sign = 1 if ranking.options.sense == "min" else -1
    return sorted(scores, key=lambda name: math.inf if scores[name] is None else sign * scores[name])
