"""Write folders of episodes as one LeRobotDataset (v3), and read it again to say what its video costs in pixels."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from robovlms_mobile.data.episodes import Episode, find_episodes, load_episodes
from robovlms_mobile.data.hdf5.episode_file import read_episode
from robovlms_mobile.data.hdf5.frames import read_frames
from robovlms_mobile.data.instructions import instruction_for
from robovlms_mobile.errors import DataError
from robovlms_mobile.files import PART
from robovlms_mobile.interchange.lerobot_format import (
    ACTION,
    CAMERA,
    RECORDED_AT,
    SOURCE,
    Place,
    features,
    hub_answers,
    lerobot_dataset,
)

STEP = 1.0  # seconds a frame, where no episode says how long it lasted
COMPARED = 3  # episodes whose pixels are compared after the export


@dataclass(frozen=True)
class Source:
    """A folder to export.

    Args:
        folder: of the episode files.
        color_order: how they store colours, "rgb" or "bgr"; exported is RGB.
    """

    folder: str
    color_order: str = "rgb"


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        place: the folder, or the address on the hub.
        fps: of the data set.
        rates: frames a second as recorded: of the slowest tenth, the median, of the fastest; None where no file says.
        tasks: different instructions.
        grey_levels, psnr: mean difference of the pixels from the recorded ones, of 255, and decibels, in `compared`
            episodes; 0 and None where they are equal.
    """

    place: str
    episodes: int
    frames: int
    fps: int
    rates: tuple[float, float, float] | None
    tasks: int
    compared: int
    grey_levels: float
    psnr: float | None

    def to_json(self) -> dict:
        """Return it as a dict of primitives."""
        return asdict(self)


def export_lerobot(
    sources: Sequence[Source],
    place: Place,
    pattern: str = "episode_*.h5",
    instruction: str | None = None,
    fps: int | None = None,
    videos: bool = True,
    progress: Callable[[], object] = lambda: None,
) -> Exported:
    """Write all episodes of all `sources` as one data set, whole or not at all; and push it, where it is for the hub.

    Args:
        pattern: which files of each folder.
        instruction: one for all, instead of the files' own or their scenarios'.
        fps: frames a second; None: as recorded, rounded. lerobot takes frames as evenly spaced; when each was
            recorded is in the column `recorded_at`, as far as its file says.
        videos: encode frames as lerobot does by default (AV1, lossy); False keeps each as PNG, exactly.
        progress: called after each episode.

    Raises:
        DataError: the target exists, files cannot be used, some are shifted, or frames of several sizes.
        MobileError: lerobot is missing.
    """
    dataset_class = lerobot_dataset()
    if fps is not None and fps < 1:
        raise DataError(f"fps is {fps}, expected 1 or more.")
    target = place.root or _home() / place.repo
    if target.exists():
        raise DataError(f"{target} exists.", "Name a folder that does not, or remove it first.")
    found = [(source, each) for source in sources for each in _episodes(source, pattern)]
    _one_pairing([episode for _, episode in found])
    width, height = _one_size([episode for _, episode in found])
    rates = _rates([episode for _, episode in found])
    fps = fps or max(1, round(rates[1] if rates else 1 / STEP))
    with _new(target) as root:
        dataset = dataset_class.create(
            place.repo, fps, features(height, width, videos), root=root, robot_type="omni", use_videos=videos
        )
        texts = [_add(dataset, *each, instruction, progress) for each in found]
        dataset.finalize()
        shutil.rmtree(root / "images", ignore_errors=True)  # where lerobot kept frames until they were encoded
        told = _compared(dataset_class(place.repo, root=root), found, texts)
    if place.root is None:
        with hub_answers(place.repo, f"It is written, to {target}. "):
            dataset_class(place.repo, root=target).push_to_hub()
    frames = sum(episode.length for _, episode in found)
    return Exported(str(place), len(found), frames, fps, rates, len(set(texts)), *told)


@contextmanager
def _new(target: Path) -> Iterator[Path]:
    """Yield the name of a folder yet to be made, that takes the place of `target` when the block ends well."""
    root = target.with_name(f".{target.name}.{uuid4().hex[:8]}{PART}")
    try:
        yield root
        os.replace(root, target)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _home():
    """lerobot's own folder for data sets of the hub."""
    from lerobot.utils.constants import HF_LEROBOT_HOME

    return Path(HF_LEROBOT_HOME)


def recorded_at(episode: Episode) -> np.ndarray:
    """(T,) float64 seconds since the first frame: its own, else evenly over its duration; STEP apart without."""
    if episode.times:
        return np.array(episode.times)
    step = episode.seconds / episode.length if episode.seconds else STEP
    return step * np.arange(episode.length)


def _episodes(source, pattern):
    return load_episodes(find_episodes(source.folder, pattern), "stop", read_episode)


def _one_pairing(episodes):
    shifted = [each.name for each in episodes if each.shifted]
    if shifted and len(shifted) < len(episodes):
        what = f"{len(shifted)} of {len(episodes)} files say that they are shifted by a frame, e.g. {shifted[0]}"
        raise DataError(f"{what}: a frame's action means another thing in them.", "Export them apart, with --pattern.")


def _one_size(episodes):
    sizes = {}
    for episode in episodes:
        sizes.setdefault(tuple(episode.size or ()), episode.name)
    if len(sizes) > 1:
        seen = ", ".join(f"{'×'.join(map(str, size))} ({name})" for size, name in sizes.items())
        raise DataError(f"Frames are of {len(sizes)} sizes: {seen}; a LeRobotDataset has one.", "Export them apart.")
    return next(iter(sizes))


def _rates(episodes):
    rates = [episode.length / episode.seconds for episode in episodes if episode.seconds]
    return tuple(np.percentile(rates, (10, 50, 90)).tolist()) if rates else None


def _add(dataset, source, episode, instruction, progress):
    """Add one episode; return what the robot is told in it."""
    text = instruction_for(episode, instruction)
    name = f"{Path(source.folder).resolve().name}/{episode.name}"
    frames = read_frames(episode, range(episode.length), source.color_order)
    for image, action, seconds in zip(frames, episode.actions, recorded_at(episode), strict=True):
        dataset.add_frame(
            {
                CAMERA: np.ascontiguousarray(image),
                ACTION: action,
                SOURCE: name,
                RECORDED_AT: np.array([seconds]),
                "task": text,
            }
        )
    dataset.save_episode()
    progress()
    return text


def _compared(dataset: Any, found: list, texts: list) -> tuple[int, float, float | None]:
    """Compare what lerobot reads back; return (episodes compared in pixels, grey levels, PSNR).

    Raises:
        DataError: actions or instructions are others than the recorded ones.
    """
    starts = np.cumsum([0, *(episode.length for _, episode in found)])
    actions = dataset.hf_dataset.with_format("numpy")[ACTION][:]
    if not np.array_equal(np.asarray(actions), np.concatenate([episode.actions for _, episode in found])):
        raise DataError("lerobot reads other actions back than were written; nothing is kept.")
    if wrong := [n for n, text in enumerate(texts) if dataset[int(starts[n])]["task"] != text]:
        raise DataError(f"lerobot reads another task back for {found[wrong[0]][1].name}; nothing is kept.")
    chosen = sorted({0, len(found) // 2, len(found) - 1})[:COMPARED]
    absolute, square, count = 0.0, 0.0, 0
    for number in chosen:
        source, episode = found[number]
        for t, frame in enumerate(read_frames(episode, range(episode.length), source.color_order)):
            apart = pixels(dataset[int(starts[number]) + t][CAMERA]).astype(float) - frame
            absolute, square, count = absolute + np.abs(apart).sum(), square + (apart**2).sum(), count + frame.size
    return len(chosen), absolute / count, 10 * float(np.log10(255**2 * count / square)) if square else None


def pixels(image: Any) -> np.ndarray:
    """lerobot's (3, H, W) float tensor in 0..1 → (H, W, 3) uint8."""
    return np.moveaxis((image.numpy() * 255).round().astype(np.uint8), 0, -1)
