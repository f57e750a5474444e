"""An episode with what its name and attributes say of it: when, which scenario, how long. No pixels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from robovlms_mobile.data.circumstances import circumstance, started
from robovlms_mobile.data.episodes import Episode
from robovlms_mobile.data.hdf5.episode_file import read_episode
from robovlms_mobile.errors import DataError

UNKNOWN = "not in the name"
SCENARIOS = tuple(
    f"{boxes}_{layout}_{side}"
    for boxes in ("1box", "2box")
    for layout in ("hori", "vert")
    for side in ("left", "right")
)
DISTANCES = ("close", "medium", "far")  # in that order where these are the words
NOMINAL_STEP = 1.0  # seconds a step, where a file does not say how long it lasted


@dataclass(frozen=True)
class Record:
    """One episode and its circumstances.

    Attributes:
        scenario, pattern, distance: out of the file's name or attributes; UNKNOWN where neither has it.
        started: when it was recorded, likewise; None where neither is a date.
        step: seconds between two frames, total_duration / num_frames; NOMINAL_STEP where the file has no duration.
        timed: whether the file has a duration.
        size: (width, height) of its frames.
    """

    episode: Episode
    scenario: str
    pattern: str
    distance: str
    started: datetime | None
    step: float
    timed: bool
    size: tuple

    @property
    def name(self) -> str:
        """The file's name."""
        return self.episode.name

    @property
    def velocities(self) -> np.ndarray:
        """(T, 2) float64: linear_x and linear_y, m/s."""
        return self.episode.actions[:, :2].astype(np.float64)


def record_of(episode: Episode) -> Record:
    """Return the `Record` of an episode that was read."""
    return Record(
        episode=episode,
        scenario=episode.scenario or UNKNOWN,
        pattern=circumstance("pattern", episode.name, episode.attributes) or UNKNOWN,
        distance=circumstance("distance", episode.name, episode.attributes) or UNKNOWN,
        started=started(episode),
        step=episode.seconds / episode.length if episode.seconds else NOMINAL_STEP,
        timed=episode.seconds is not None,
        size=tuple(episode.size or ()),
    )


def read_records(
    paths: Sequence[Path], progress: Callable[[int, int], object] | None = None
) -> tuple[list[Record], list[str]]:
    """Read every file; the bad ones are told apart, not fatal.

    Args:
        progress: called as `progress(done, total)` after each file.

    Returns:
        (list[Record], list[str]): the good ones in the order of `paths`, and what is wrong with each bad one.

    Raises:
        DataError: none is good.
    """
    records, bad = [], []
    for done, path in enumerate(paths, 1):
        try:
            records.append(record_of(read_episode(path)))
        except DataError as error:
            bad.append(str(error))
        if progress:
            progress(done, len(paths))
    if not records:
        raise DataError("None of the episode files can be used:\n  " + "\n  ".join(bad))
    return records, bad
