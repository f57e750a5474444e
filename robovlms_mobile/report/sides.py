"""Training and validation side by side: who is where, and how many windows each gets."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from robovlms_mobile.data.directions import directions
from robovlms_mobile.data.hidden import hidden_frames
from robovlms_mobile.data.split.manifest import planned
from robovlms_mobile.data.windows import window_starts
from robovlms_mobile.report.records import Record
from robovlms_mobile.report.sequences import histogram
from robovlms_mobile.report.settings import Settings


@dataclass(frozen=True)
class Side:
    """One side of the split.

    Attributes:
        episodes, windows: how many.
        scenarios: scenario → episodes.
        directions: actions in each of the nine DIRECTIONS.
    """

    episodes: int
    windows: int
    scenarios: dict
    directions: tuple


@dataclass(frozen=True)
class Sides:
    """Both sides, as a run now would have them: by the split kept for this data, where there is one.

    Attributes:
        together: groups of episodes that repeat one another and so stay on one side.
        notes: what the split itself has to say, sentences.
        hidden: which frames are in no window, in words; "" where all are in one.
    """

    training: Side
    validation: Side
    together: int
    notes: tuple
    hidden: str


def sides(data_dir: str | Path, records: list[Record], settings: Settings, signatures: dict[str, np.ndarray]) -> Sides:
    """Split the records as training does and describe both sides.

    Args:
        data_dir: the folder of the episode files.
        signatures: name → (3, 16, 16) uint8, to keep near-duplicates together; names may be missing.

    Raises:
        DataError: one of the sides would be empty.
    """
    episodes = [record.episode for record in records]
    split = planned(settings.block(data_dir), episodes, signatures, settings.frames_dir)
    by_name = {record.name: record for record in records}
    training, validation = (
        _side([by_name[name] for name in names], settings) for names in (split.train, split.validation)
    )
    hidden = hidden_frames((each.length for each in episodes), *_cut(settings))
    return Sides(training, validation, len(split.groups), tuple(split.notes), hidden)


def _cut(settings):
    return settings.window_size, settings.chunk_size, settings.windows, int(settings.shift_first)


def _side(records, settings):
    scenarios = {}
    for record in records:
        scenarios[record.scenario] = scenarios.get(record.scenario, 0) + 1
    return Side(
        episodes=len(records),
        windows=sum(len(window_starts(record.episode.length, *_cut(settings))) for record in records),
        scenarios=scenarios,
        directions=tuple(histogram([directions(record.velocities) for record in records]).tolist()),
    )
