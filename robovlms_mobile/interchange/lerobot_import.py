"""Write the episodes of a LeRobotDataset (v3) as HDF5 files that training reads."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from robovlms_mobile.data.names import ACTION_DIMS
from robovlms_mobile.errors import DataError
from robovlms_mobile.interchange.episode_writing import new_folder, unique, write_episode
from robovlms_mobile.interchange.lerobot_export import pixels
from robovlms_mobile.interchange.lerobot_format import (
    ACTION,
    HUB,
    INFO,
    RECORDED_AT,
    SOURCE,
    Place,
    hub_answers,
    lerobot_dataset,
    readable,
)

LEKIWI = {"x.vel": "linear_x", "y.vel": "linear_y", "theta.vel": "angular_z"}  # lerobot's own omni base: m/s, degrees/s
DEGREES = ("theta.vel",)


@dataclass(frozen=True)
class Imported:
    """What was written.

    Attributes:
        left_out: names of action dims that are none of ours.
        several_tasks: episodes whose task changes on the way; their first one is kept.
    """

    place: str
    episodes: int
    frames: int
    left_out: tuple
    several_tasks: int

    def to_json(self) -> dict:
        """Return it as a dict of primitives."""
        return asdict(self)


def import_lerobot(
    place: Place,
    folder: str | Path,
    camera: str | None = None,
    actions: tuple[str, ...] | None = None,
    progress: Callable[[], object] = lambda: None,
) -> Imported:
    """Write every episode of a data set into `folder`, which is new or empty; all or none.

    An episode is named after the file it was exported from, in the column `source`; without one, after its number.

    Args:
        place: a folder, or the hub.
        camera: which of several cameras.
        actions: what the first columns of `action` are, of ACTION_DIMS; None: as the data set names them.
        progress: called after each episode.

    Raises:
        DataError: no data set there, another camera or other actions, or `folder` is not empty.
        MobileError: lerobot is missing.
    """
    dataset_class = lerobot_dataset()
    if place.root is not None and not (place.root / INFO).is_file():
        raise DataError(f"{place} holds no {INFO}: it is no LeRobotDataset.", f"One on the hub: {HUB}OWNER/NAME.")
    with readable(place) if place.root else hub_answers(place.repo):
        dataset = dataset_class(place.repo, root=place.root)
    camera = _camera(dataset, camera)
    if ACTION not in dataset.features:
        raise DataError(f"{place} has no column '{ACTION}'. It has: {', '.join(dataset.features)}.")
    columns, scale, left_out = _columns(dataset.features[ACTION], actions)
    taken, several = set(), 0
    with new_folder(folder) as temporary:
        for number, rows, task in _rows(dataset, place):
            source = str(rows[SOURCE][0]) if SOURCE in rows else f"{place}#{number}"
            stem = Path(source).stem if SOURCE in rows else f"episode_{number:06d}"
            write_episode(
                temporary / f"{unique(stem, taken)}.h5",
                _frames(dataset, place, camera, rows["index"]),
                _velocities(rows[ACTION], columns, scale),
                np.asarray(rows.get(RECORDED_AT, rows["timestamp"]), float).reshape(-1),
                task,
                source,
            )
            several += len(set(rows["task_index"].tolist())) > 1
            progress()
    return Imported(str(folder), len(taken), len(dataset), left_out, several)


def _camera(dataset: Any, wanted: str | None) -> str:
    cameras = list(dataset.meta.camera_keys)
    fitting = cameras if wanted is None else [camera for camera in cameras if camera == wanted]
    if len(fitting) != 1:
        seen = ", ".join(cameras) or "none"
        what = f"There is no camera {wanted}." if wanted else f"There are {len(cameras)} cameras."
        raise DataError(f"{what} The data set has: {seen}.", "Name one: --camera KEY")
    return fitting[0]


def _columns(feature: dict, given: tuple[str, ...] | None) -> tuple[dict[int, int], dict[int, float], tuple]:
    """Return (our column → theirs, our column → factor, names left out)."""
    names = list(given or _names(feature))
    ours = [LEKIWI.get(name, name) for name in names]
    columns = {ACTION_DIMS.index(name): column for column, name in enumerate(ours) if name in ACTION_DIMS}
    if not columns or len(names) > feature["shape"][0]:
        seen = f"'{ACTION}' is {tuple(feature['shape'])} with the names {names or 'none'}"
        raise DataError(f"{seen}; none is one of {list(ACTION_DIMS)}.", "Say what its columns are: --actions A,B,…")
    scale = {dim: np.pi / 180 if names[column] in DEGREES else 1.0 for dim, column in columns.items()}
    return columns, scale, tuple(name for name, own in zip(names, ours, strict=True) if own not in ACTION_DIMS)


def _names(feature):
    """Names of an action's columns: lerobot has them as a list, or as lists in a dict."""
    names = feature.get("names") or []
    return [name for part in names.values() for name in part] if isinstance(names, dict) else names


def _velocities(theirs: np.ndarray, columns: dict[int, int], scale: dict[int, float]) -> np.ndarray:
    ours = np.zeros((len(theirs), len(ACTION_DIMS)), np.float32)
    for dim, column in columns.items():
        ours[:, dim] = theirs[:, column] if scale[dim] == 1 else theirs[:, column] * scale[dim]
    return ours


def _frames(dataset: Any, place: Place, camera: str, numbers: np.ndarray) -> Iterator[np.ndarray]:
    for number in numbers:
        with readable(place):
            frame = pixels(dataset[int(number)][camera])
        yield frame


def _rows(dataset: Any, place: Place) -> Iterator[tuple[int, dict, str]]:
    """Yield (number, column → array, first task) of each episode, without its pixels."""
    wanted = (ACTION, "index", "timestamp", "task_index", SOURCE, RECORDED_AT)
    for number in range(dataset.meta.total_episodes):
        with readable(place):
            table = dataset.hf_dataset.with_format("numpy")
            table = table.select_columns([name for name in wanted if name in table.column_names])
            episode = dataset.meta.episodes[number]
            rows = table[int(episode["dataset_from_index"]) : int(episode["dataset_to_index"])]
            task = str(dataset.meta.tasks.iloc[int(rows["task_index"][0])].name)
        yield number, rows, task
