"""Write synthetic episodes as the robot's collector does. numpy and h5py; never torch."""

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import h5py
import numpy as np
from PIL import Image

from robovlms_mobile.errors import DataError
from robovlms_mobile.simulation.camera import Camera
from robovlms_mobile.simulation.driver import choose_key, command, move
from robovlms_mobile.simulation.world import SCENARIOS, World, sample_world

RENDERED = 640  # pixels across; a larger image is enlarged from this before its noise
NOISE = 1.2  # standard deviation in grey levels: 20-30 MB for a gzipped 720p episode
SLIP = 0.06  # standard deviation of a step's length, as a part of it
CHUNK = 8  # the collector's own action chunk, stored as an attribute
TIMES = ("night", "morning", "afternoon", "evening")  # of six hours each
INSTRUCTIONS = {"none": lambda index: False, "some": lambda index: index % 4 in (1, 2), "all": lambda index: True}
POOL_PIXELS = 40e6  # work below this is done sooner without starting processes


@dataclass(frozen=True)
class Recording:
    """One episode as the collector holds it before writing.

    Attributes:
        name: file name without suffix.
        images: (T, H, W, 3) uint8, what the camera saw before each action; frame 0 and 1 are the same place.
        actions: (T, 3) float32, linear_x, linear_y, angular_z; zero in frame 0.
        events: T strings, episode_start and then start_action.
        instruction: what the robot was told, or None as in the collector's earlier files.
        attributes: the file's attributes.
        keys: T key names of `driver.KEYS`, the recorded actions.
        poses: (T, 3) float64, x, y, yaw of the robot in each frame.
        world: the world it drove in.
    """

    name: str
    images: np.ndarray
    actions: np.ndarray
    events: tuple
    instruction: str | None
    attributes: dict
    keys: tuple
    poses: np.ndarray
    world: World


def simulate_episode(
    index: int = 0,
    seed: int = 0,
    size: tuple[int, int] = (1280, 720),
    frames: int = 18,
    date: str = "20251114",
    instructions: str = "some",
) -> Recording:
    """Drive and film one episode: the same for the same arguments, whatever else is simulated.

    Args:
        index: which of a series; also picks the scenario, all eight in turn.
        seed: of the series.
        size: (width, height) in pixels.
        frames: T, at least 1.
        date: YYYYMMDD of the first of the series.
        instructions: "some" (every second), "all" or "none" carry one.

    Returns:
        Recording
    """
    rng = _generator(seed, index)
    world, started = _plan(index, date, rng)
    keys, poses = _drive(world, frames, rng)
    name = _name(world, started)
    seconds = rng.gamma(4.0, 0.3, frames).sum()
    return Recording(
        name=name,
        images=_film(world, poses, size, rng),
        actions=np.stack([command(key) for key in keys]),
        events=("episode_start", *["start_action"] * (frames - 1)),
        instruction=instruction(world, 1) if INSTRUCTIONS[instructions](index) else None,
        attributes={
            "episode_name": name,
            "num_frames": frames,
            "total_duration": float(seconds),
            "action_chunk_size": CHUNK,
            "obstacle_layout_type": world.scenario,
            "time_period": TIMES[started.hour // 6],
            "collection_datetime": started.isoformat(),
            "color_order": "rgb",
        },
        keys=keys,
        poses=poses,
        world=world,
    )


def write_episodes(
    folder: str | Path,
    episodes: int = 24,
    seed: int = 0,
    size: tuple[int, int] = (1280, 720),
    frames: int = 18,
    layout: str = "current",
    date: str = "20251114",
    instructions: str = "some",
    overwrite: bool = False,
    workers: int | None = None,
    progress: Callable[[Path], object] | None = None,
) -> list[Path]:
    """Write a series of episodes into `folder`. Files appear whole or not at all.

    Args:
        episodes: how many.
        layout: "current", or "older" (`observations/images`, always an instruction, no event types).
        overwrite: replace files of the same names; otherwise they are an error and nothing is written.
        workers: processes; None: one a core for large work, else none. A script that may start processes needs the
            usual `if __name__ == "__main__"`.
        progress: called with each finished path.
        seed, size, frames, date, instructions: see `simulate_episode`.

    Returns:
        list[Path], in the order of the series.

    Raises:
        DataError: an argument is out of range, or files of these names exist.
    """
    _check(episodes, seed, size, frames, layout, date, instructions)
    folder = Path(folder)
    paths = [folder / f"{name}.h5" for name in episode_names(episodes, seed, date)]
    present = [path.name for path in paths if path.exists()]
    if present and not overwrite:
        raise DataError(
            f"{folder} already holds {len(present)} of these {episodes} episodes, e.g. {present[0]}; "
            "nothing was written. Take another folder or seed, or overwrite them (--force)."
        )
    folder.mkdir(parents=True, exist_ok=True)
    told = {"seed": seed, "size": size, "frames": frames, "date": date, "instructions": instructions}
    if layout == "older":
        told["instructions"] = "all"
    jobs = [(path, layout, {"index": index, **told}) for index, path in enumerate(paths)]
    for path in _run(jobs, _workers(workers, episodes * frames * size[0] * size[1])):
        if progress:
            progress(path)
    return paths


def episode_names(episodes: int = 24, seed: int = 0, date: str = "20251114") -> list[str]:
    """Return the names `write_episodes` gives, without suffix and without drawing anything: list[str]."""
    return [_name(*_plan(index, date, _generator(seed, index))) for index in range(episodes)]


def write_recording(path: str | Path, recording: Recording, layout: str = "current") -> Path:
    """Write one recording under a temporary name, then rename it."""
    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with h5py.File(partial, "w") as file:
            _fill(file, recording, layout)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def _fill(file, recording, layout):
    text = h5py.string_dtype("utf-8")
    images = "images" if layout == "current" else "observations/images"
    file.create_dataset(images, data=recording.images, compression="gzip")
    file.create_dataset("actions", data=recording.actions)
    if layout == "current":
        file.create_dataset("action_event_types", data=list(recording.events), dtype=text)
    if recording.instruction is not None:
        file.create_dataset("language_instruction", data=[recording.instruction], dtype=text)
    file.attrs.update(recording.attributes)


def _check(episodes, seed, size, frames, layout, date, instructions):
    wrong = []
    if episodes < 1 or frames < 1:
        wrong.append(f"episodes and frames must be at least 1, got {episodes} and {frames}")
    if seed < 0:
        wrong.append(f"seed must not be negative, got {seed}")
    if min(size) < 8:
        wrong.append(f"size must be at least 8x8, got {size[0]}x{size[1]}")
    if layout not in ("current", "older"):
        wrong.append(f"layout must be current or older, got {layout!r}")
    if instructions not in INSTRUCTIONS:
        wrong.append(f"instructions must be one of {sorted(INSTRUCTIONS)}, got {instructions!r}")
    try:
        datetime.strptime(date, "%Y%m%d")
    except ValueError:
        wrong.append(f"date must be YYYYMMDD, got {date!r}")
    if wrong:
        raise DataError("Cannot write episodes: " + "; ".join(wrong))


def _workers(asked, pixels):
    return asked if asked is not None else (os.cpu_count() or 1) if pixels > POOL_PIXELS else 1


def _run(jobs, workers):
    """Yield each path when its file is there."""
    workers = min(workers, len(jobs))
    if workers < 2:
        yield from map(_job, jobs)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for done in as_completed([pool.submit(_job, job) for job in jobs]):
            yield done.result()


def _job(job):
    path, layout, told = job
    return write_recording(path, simulate_episode(**told), layout)


def _generator(seed, index):
    return np.random.default_rng([seed, index])


def _plan(index, date, rng):
    """The first draws of an episode: its world, and when it was recorded."""
    started = datetime.strptime(date, "%Y%m%d") + timedelta(hours=9, seconds=97 * index + int(rng.integers(60)))
    return sample_world(SCENARIOS[index % len(SCENARIOS)], rng), started


def _name(world, started):
    return f"episode_{started:%Y%m%d_%H%M%S}_{world.scenario}_{world.pattern}_{world.distance}"


def instruction(world: World, index: int = 0) -> str:
    """Return what a driver is told: one of two sentences, in turn."""
    boxes = "the box" if world.scenario.startswith("1box") else "the two boxes"
    side = "left" if world.side > 0 else "right"
    return f"Drive around {boxes} on the {side} {('to the cup.', 'and stop at the cup.')[index % 2]}"


def _drive(world, frames, rng):
    """Frame 0 waits; every later frame shows the place its key is pressed in. Returns keys and (T, 3) poses."""
    keys, poses = ["stop"], [world.start]
    pose = world.start
    for _ in range(frames - 1):
        poses.append(pose)
        keys.append(choose_key(world, pose))
        pose = move(pose, keys[-1], rng.normal(1, SLIP, 2))
    return tuple(keys), np.array(poses)


def _film(world, poses, size, rng):
    """(T, H, W, 3) uint8: rendered, enlarged to `size`, with sensor noise."""
    camera = Camera(world, world.start[2], rendered_size(size))
    bank = (rng.standard_normal(size[0] * size[1] * 3, np.float32) * NOISE).round().astype(np.int16)
    images = np.empty((len(poses), size[1], size[0], 3), np.uint8)
    for image, (x, y, _) in zip(images, poses, strict=True):
        noise = np.roll(bank, int(rng.integers(bank.size))).reshape(image.shape)
        np.clip(_enlarged(camera.see(x, y), size) + noise, 0, 255, out=image, casting="unsafe")
    return images


def rendered_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return the (width, height) in which a picture of `size` is rendered, before it is enlarged."""
    shrink = max(1.0, size[0] / RENDERED)
    return max(1, round(size[0] / shrink)), max(1, round(size[1] / shrink))


def _enlarged(seen, size):
    pixels = (seen * 255).astype(np.uint8)
    if pixels.shape[:2] == (size[1], size[0]):
        return pixels
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR))


def film(
    camera: Camera, pose: tuple, size: tuple[int, int], rng: np.random.Generator, noise: float = NOISE
) -> np.ndarray:
    """Return one picture of `size` as an episode has it, (H, W, 3) uint8, from a camera of `rendered_size(size)`."""
    seen = _enlarged(camera.see(*pose[:2]), size)
    return np.clip(seen + rng.standard_normal(seen.shape, np.float32) * noise, 0, 255).astype(np.uint8)
