"""Everything the report says in numbers. Records in, one frozen value out: no pixels, no drawing."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from robovlms_mobile.config.model_size import Estimate
from robovlms_mobile.data.directions import DIRECTIONS, directions
from robovlms_mobile.errors import DataError
from robovlms_mobile.findings import Finding
from robovlms_mobile.report.blind_errors import measure
from robovlms_mobile.report.duplicates import near_duplicates
from robovlms_mobile.report.needs import grid, needs
from robovlms_mobile.report.records import DISTANCES, SCENARIOS, UNKNOWN, Record
from robovlms_mobile.report.sequences import by_frame, change_rate, histogram, letters
from robovlms_mobile.report.settings import Settings
from robovlms_mobile.report.sides import Sides, sides

PERIODS = ("night", "morning", "afternoon", "evening")  # of six hours each, as the collector names them
COMMON = 6  # action sequences and instructions shown


@dataclass(frozen=True)
class Ratio:
    """Samples against trainable parameters.

    Attributes:
        parameters: the `Estimate`.
        windows: training windows.
        targets: velocities to learn from in one epoch: windows × W frames × N actions × real dims.
    """

    parameters: Estimate
    windows: int
    targets: int

    @property
    def value(self) -> float | None:
        """Windows per trainable parameter, None where those are not known."""
        return self.windows / self.parameters.total if self.parameters.total else None


@dataclass(frozen=True)
class Facts:
    """A folder of episodes in numbers; counts are of episodes unless they say otherwise.

    Attributes:
        seconds: recorded time of the `timed` episodes that say how long they lasted; step: median seconds a frame.
        combinations: (scenario, pattern, distance) → episodes, zeros included.
        instructions: [text, count], the commonest; None stands for files without one.
        directions: actions in each of the nine; `turning`: actions that use angular_z.
        by_frame: (T, 9) actions; change_rate: (T,), None where unknown.
        sequences: [keys, count], the commonest; `distinct`: how many different there are.
        sides: training and validation, or None where `unsplit` says why not.
        duplicates: tuple[Pair], the closest first.
        ratio: None without a config.
        bad, undecodable: what is wrong with files that could not be read, or only their pixels not.
        misleading: tuple of `findings.Finding`: what would mislead a training, worst first.
    """

    folder: str
    settings: Settings
    episodes: int
    frames: int
    seconds: float
    timed: int
    step: float
    lengths: dict
    scenarios: dict
    patterns: dict
    distances: dict
    dates: dict
    hours: dict
    periods: dict
    combinations: dict
    instructions: tuple
    directions: tuple
    turning: int
    by_frame: tuple
    change_rate: tuple
    sequences: tuple
    distinct: int
    baselines: tuple
    sides: Sides | None
    unsplit: str
    ratio: Ratio | None
    needs: tuple
    duplicates: tuple
    bad: tuple
    undecodable: tuple
    misleading: tuple

    def to_json(self) -> dict:
        """Return the facts as a dict of primitives."""
        plain = asdict(self)
        plain["combinations"] = [
            {"scenario": scenario, "pattern": pattern, "distance": distance, "episodes": count}
            for (scenario, pattern, distance), count in self.combinations.items()
        ]
        plain["direction_names"] = [direction.label for direction in DIRECTIONS]
        if self.ratio:
            plain["ratio"] |= {"value": self.ratio.value, "trainable": self.ratio.parameters.total}
        return plain


def describe(
    folder: str | Path,
    records: list[Record],
    settings: Settings,
    signatures: dict[str, np.ndarray],
    estimate: Estimate | None = None,
    bad: Iterable[str] = (),
    undecodable: Iterable[str] = (),
    misleading: Iterable[Finding] = (),
) -> Facts:
    """Return the `Facts` of a folder.

    Args:
        records: list[Record], in the order of their names.
        signatures: name → (3, 16, 16) uint8 grey thumbnails; names may be missing.
        estimate: `Estimate` of trainable parameters, None without a config.
        bad, undecodable: what is wrong with files that are no records, or have no signature.
        misleading: what would mislead a training.
    """
    sequences = [directions(record.velocities) for record in records]
    frame_counts, rates = by_frame(sequences), change_rate(sequences)
    both, unsplit = _split(folder, records, settings, signatures)
    combinations, periods = grid(records, SCENARIOS), _periods(records)
    return Facts(
        folder=str(folder),
        settings=settings,
        episodes=len(records),
        frames=sum(map(len, sequences)),
        combinations=combinations,
        periods=periods,
        **_times(records),
        **_counts(records),
        directions=tuple(histogram(sequences).tolist()),
        turning=int(sum(np.count_nonzero(record.episode.actions[:, 2]) for record in records)),
        by_frame=tuple(map(tuple, frame_counts.tolist())),
        change_rate=tuple(None if np.isnan(rate) else float(rate) for rate in rates),
        sequences=tuple(Counter(map(letters, sequences)).most_common(COMMON)),
        distinct=len(set(map(letters, sequences))),
        baselines=measure([record.velocities for record in records], [record.scenario for record in records]),
        sides=both,
        unsplit=unsplit,
        ratio=_ratio(estimate, both, settings),
        needs=needs(combinations, frame_counts, periods, _only_in_training(both)),
        duplicates=tuple(near_duplicates(signatures, {record.name: record.episode.actions for record in records})),
        bad=tuple(bad),
        undecodable=tuple(undecodable),
        misleading=tuple(misleading),
    )


def _split(folder, records, settings, signatures):
    try:
        return sides(folder, records, settings, signatures), ""
    except DataError as error:
        return None, str(error)


def _only_in_training(both):
    return [name for name in both.training.scenarios if name not in both.validation.scenarios] if both else []


def _ratio(estimate, both, settings):
    if estimate is None or both is None:
        return None
    windows = both.training.windows
    targets = windows * settings.window_size * settings.chunk_size * len(settings.real_dims)
    return Ratio(estimate, windows, targets)


def _times(records):
    timed = [record for record in records if record.timed]
    return {
        "timed": len(timed),
        "seconds": float(sum(record.step * record.episode.length for record in timed)),
        "step": float(np.median([record.step for record in timed or records])),
    }


def _counts(records):
    moments = [record.started for record in records]
    lengths = Counter(record.episode.length for record in records)
    return {
        "lengths": {length: lengths[length] for length in sorted(lengths)},
        "scenarios": _ordered((record.scenario for record in records), SCENARIOS, all_of_them=True),
        "patterns": _ordered(record.pattern for record in records),
        "distances": _ordered((record.distance for record in records), DISTANCES),
        "dates": _ordered(f"{moment:%Y-%m-%d}" if moment else UNKNOWN for moment in moments),
        "hours": _ordered(f"{moment:%H}:00" if moment else UNKNOWN for moment in moments),
        "instructions": tuple(Counter(record.episode.instruction for record in records).most_common(COMMON)),
    }


def _periods(records):
    return _ordered((PERIODS[record.started.hour // 6] if record.started else UNKNOWN for record in records), PERIODS)


def _ordered(values, known=(), all_of_them=False):
    """Count values: the known ones first in their order (all, or those that occur), others by name, UNKNOWN last."""
    counts = Counter(values)
    first = [value for value in known if all_of_them or counts[value]]
    rest = sorted(set(counts) - set(first), key=lambda value: (value == UNKNOWN, value))
    return {value: counts[value] for value in (*first, *rest)}
