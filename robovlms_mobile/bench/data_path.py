"""Measure the data path against the obvious loader: CPU seconds of this process and its children, in one run."""

import functools
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from PIL import Image

from robovlms_mobile.bench.data_beside import jpeg_build, lerobot_windows
from robovlms_mobile.bench.spent import spent
from robovlms_mobile.data.actions import UPSTREAM_DIM
from robovlms_mobile.data.block import Block
from robovlms_mobile.data.dataset import MobileVLAH5Dataset
from robovlms_mobile.data.episodes import find_episodes
from robovlms_mobile.data.frame_store.build import build, line_of
from robovlms_mobile.data.frame_store.store import INDEX, Entry, open_store
from robovlms_mobile.data.images import ImageTransform
from robovlms_mobile.data.split.kept import manifest_path
from robovlms_mobile.data.split.manifest import Manifest, save

SIZES = {
    "window_size": 4,
    "fwd_pred_next_n": 10,
    "windows": "full",  # the obvious loader reads what is there, and pads nothing
    "color_order": "rgb",
    **{"norm_action": True, "norm_min": -1.15, "norm_max": 1.15},
}
NOTED = {"num_frames": 18, "total_duration": 6.1, "pattern": "core"}  # by the collector
WINDOW_BYTES = 4 * 3 * 224 * 224


def bench_data(
    data_dir: str | Path | None = None,
    episodes: int = 8,
    windows: int = 24,
    rounds: int = 40,
    many: int = 10_000,
) -> dict[str, Any]:
    """Run all measurements.

    Args:
        data_dir: a folder of episodes, taken as it is (its frame store is made in a temporary folder); without one,
            `episodes` synthetic 720p files are written for the occasion.
        windows: how many windows the obvious loader reads.
        rounds: how often the store's windows are read.
        many: how many episodes the index has that a start is measured on; at least 50.

    Returns:
        dict of primitives: milliseconds of CPU a window, ratios, build times, the start on `many` episodes, and
        what `bench.data_beside` says.
    """
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(data_dir) if data_dir else _synthetic(Path(scratch) / "episodes", episodes)
        paths = find_episodes(folder)[:episodes]
        build_figures = _build(folder, paths, Path(scratch) / "frames")
        reading = _reading(folder, paths, Path(scratch) / "frames", windows, rounds)
        start = _start(Path(scratch) / "many", many)
        jpeg = jpeg_build(paths, Path(scratch) / "jpeg", build_figures["frame_by_frame_cpu_s"])
        lerobot = lerobot_windows(folder, paths, Path(scratch) / "lerobot", windows)
        beside = {"start": start, "jpeg": jpeg, "lerobot_cpu_ms_per_window": lerobot}
        return {"episodes": len(paths), "build": build_figures, **reading, **beside}


def _synthetic(folder, episodes):
    from robovlms_mobile.simulation.recordings import write_episodes

    write_episodes(folder, episodes=episodes, seed=0)
    return folder


def _build(folder, paths, place):
    """Build the store with one worker and with all, against reading and resizing frame by frame."""
    with spent() as obvious:
        for path in paths:
            with h5py.File(path) as file:
                for t in range(len(file["images"])):
                    Image.fromarray(file["images"][t]).resize((224, 224), Image.Resampling.BICUBIC)
    with spent() as ours:
        build(open_store(folder, folder=place / "one"), paths, workers=1)
    with spent() as parallel:
        build(open_store(folder, folder=place), paths)
    return {
        "frame_by_frame_cpu_s": obvious.cpu,
        "store_cpu_s": ours.cpu,
        "cpu_ratio": obvious.cpu / ours.cpu,
        "frame_by_frame_wall_s": obvious.wall,
        "store_wall_s": parallel.wall,
        "wall_ratio": obvious.wall / parallel.wall,
    }


def _reading(folder, paths, place, windows, rounds):
    transform = ImageTransform(224, {"frames": {"dir": str(place)}})
    dataset = MobileVLAH5Dataset(
        data_dir=str(folder),
        episode_pattern=[path.name for path in paths],
        image_fn=functools.partial(preprocess, image_processor=transform),
        **SIZES,
    )
    dataset.text_fn = _no_text
    obvious = _obvious(dataset, windows)
    alone = _alone(dataset, rounds)
    worker = _one_worker(dataset, rounds)
    floor = _floor(50 * rounds)
    return {
        "cpu_ms_per_window": {"obvious": obvious, "store": alone, "store_one_worker": worker, "memcpy": floor},
        "ratio": {"no_worker": obvious / alone, "one_worker": obvious / worker, "above_memcpy": alone / floor},
    }


def _obvious(dataset, windows):
    """The loader anyone writes first: open, read frame by frame, resize, normalise, stack."""
    transform = ImageTransform(224)
    chosen = dataset.samples[:: max(1, len(dataset.samples) // windows)][:windows]
    with spent() as cost:
        for episode, start in chosen:
            with h5py.File(episode.path) as file:
                frames = [transform(Image.fromarray(file[episode.images_key][start + i])) for i in range(4)]
                torch.stack(frames)
                np.zeros((13, UPSTREAM_DIM), np.float32)[:, :2] = file["actions"][start : start + 13, :2]
    return 1e3 * cost.cpu / len(chosen)


def _alone(dataset, rounds):
    """A warm store in this process, after each episode's one checksum."""
    for index in range(len(dataset)):
        dataset[index]
    with spent() as cost:
        for _ in range(rounds):
            for index in range(len(dataset)):
                dataset[index]
    return 1e3 * cost.cpu / (rounds * len(dataset))


def _one_worker(dataset, rounds):
    """One epoch of many windows through one worker as upstream makes it, the worker's own CPU included."""
    repeated = torch.utils.data.Subset(dataset, list(range(len(dataset))) * rounds)
    short = torch.utils.data.Subset(dataset, [0])
    start = _epoch(short, dataset.collater).cpu  # starting a worker costs the same however long the epoch is
    return 1e3 * (_epoch(repeated, dataset.collater).cpu - start) / (len(repeated) - 1)


def _epoch(dataset, collate):
    with spent() as cost:
        list(map(len, torch.utils.data.DataLoader(dataset, num_workers=1, prefetch_factor=3, collate_fn=collate)))
    return cost


def _floor(rounds):
    """Copying a window's bytes, the least any loader can do."""
    source, target = np.zeros((64, WINDOW_BYTES), np.uint8), np.empty(WINDOW_BYTES, np.uint8)
    with spent() as cost:
        for index in range(rounds):
            np.copyto(target, source[index % 64])
    return 1e3 * cost.cpu / rounds


def _start(folder, episodes):
    """Open a store whose index names that many episodes, split, that exist as empty files; memory is the index's."""
    small = _index(folder / "small", episodes // 10)
    large = _index(folder / "large", episodes)
    seconds, memory = zip(*(_opened(each) for each in (small, large)), strict=True)
    return {
        "episodes": episodes,
        "wall_s": seconds[1],
        "memory_mb": memory[1] / 1e6,
        "memory_bytes_per_episode": (memory[1] - memory[0]) / (episodes - episodes // 10),
    }


def _index(folder, episodes):
    folder.mkdir(parents=True)
    store = open_store(folder)
    store.folder.mkdir(parents=True)
    lines = []
    for number in range(episodes):
        name = f"episode_20251114_{number:06d}_1box_hori_left_core_medium"
        (folder / f"{name}.h5").touch()
        (store.folder / f"{name}.npy").touch()
        stamp = (folder / f"{name}.h5").stat().st_mtime_ns
        told = {"length": 18, "images_key": "images", "instruction": None, "scenario": "1box_hori_left"}
        noted = {"size": [1280, 720], "seconds": 6.1, "attributes": NOTED, "events": ["start_action"] * 18}
        told |= noted | {"times": [0.34 * t for t in range(18)], "actions": "A" * 288}
        entry = Entry(f"{name}.h5", 0, stamp, "0" * 32, f"{name}.npy", 0, 0, told)
        lines.append(line_of(entry))
    (store.folder / INDEX).write_text("".join(lines))
    names = sorted(path.name for path in folder.glob("*.h5"))
    sides = [dict.fromkeys(part, "0" * 32) for part in (names[episodes // 5 :], names[: episodes // 5])]
    block = Block(str(folder))
    save(manifest_path(block), Manifest(block.train_split, block.split, block.episode_pattern, *sides, notes=[]))
    return folder


def _opened(folder):
    began = time.perf_counter()
    dataset = MobileVLAH5Dataset(data_dir=str(folder), **SIZES)
    seconds = time.perf_counter() - began
    del dataset
    tracemalloc.start()
    kept = MobileVLAH5Dataset(data_dir=str(folder), **SIZES)
    memory = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return seconds, memory if kept.episodes else 0


def preprocess(images: list, image_processor: Callable) -> torch.Tensor:
    """Stands for upstream's image function, which the dataset never calls when the transform is the plugin's."""
    return torch.stack([image_processor(image) for image in images])


def _no_text(sentences):
    return torch.zeros(len(sentences), 1, dtype=torch.long), torch.ones(len(sentences), 1, dtype=torch.long)
