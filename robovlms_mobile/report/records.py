"""An episode with what its name and attributes say of it: when, which scenario, how long. No pixels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from robovlms_mobile.data.episodes import Episode
from robovlms_mobile.data.hdf5.episode_file import NAME, read_with_notes, started
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
        scenario, pattern, distance: out of the file's name; UNKNOWN where it has none.
        started: when it was recorded, out of the name; None where that is no date.
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


def read_record(path: str | Path) -> Record:
    """Read one file's `Record`: its structure, actions and attributes.

    Raises:
        DataError: naming the file and what is wrong with it.
    """
    episode, notes = read_with_notes(path)
    found = NAME.match(episode.path.stem)
    named = found.groupdict() if found else {}
    return Record(
        episode=episode,
        scenario=episode.scenario or UNKNOWN,
        pattern=named.get("pattern") or UNKNOWN,
        distance=named.get("distance") or UNKNOWN,
        started=started(episode.name),
        step=episode.seconds / episode.length if episode.seconds else NOMINAL_STEP,
        timed=episode.seconds is not None,
        size=notes.size,
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
            records.append(read_record(path))
        except DataError as error:
            bad.append(str(error))
        if progress:
            progress(done, len(paths))
    if not records:
        raise DataError("None of the episode files can be used:\n  " + "\n  ".join(bad))
    return records, bad
