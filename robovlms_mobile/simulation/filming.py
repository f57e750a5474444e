"""Take pictures of the synthetic room for pretraining, each with what is to be said of it. No torch."""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context

import numpy as np
from PIL import Image

from robovlms_mobile.simulation.camera import Camera
from robovlms_mobile.simulation.captions import caption
from robovlms_mobile.simulation.driver import choose_key, move
from robovlms_mobile.simulation.world import SCENARIOS, sample_world

FILMED = (320, 180)  # pixels, as in the demo, before the resize to the model's own
PER_WORLD = 8  # frames taken in a room
ROBOT = 0.10  # metres around a box in which no frame is taken


@dataclass(frozen=True)
class Frames:
    """Pictures and what is to be said of them: images (n, 3, S, S) uint8, captions n strings."""

    images: np.ndarray
    captions: list


def film(worlds: range, side: int, seed: int, workers: int = 2) -> Frames:
    """Take PER_WORLD frames in each of the rooms numbered `worlds`, on the driver's way and beside it.

    Args:
        side: pixels across, S, of the model's pictures.
        seed: of rooms and places.
    """
    numbers = [list(part) for part in np.array_split(list(worlds), max(1, len(worlds) // 48))]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        parts = list(pool.map(_film, numbers, [side] * len(numbers), [seed] * len(numbers)))
    return Frames(np.concatenate([part.images for part in parts]), [text for part in parts for text in part.captions])


def _film(numbers, side, seed):
    images, captions = [], []
    for number in numbers:
        rng = np.random.default_rng([seed, number, 77])
        world = sample_world(SCENARIOS[number % len(SCENARIOS)], rng)
        camera = Camera(world, world.start[2], FILMED)
        for pose in _poses(world, rng):
            images.append(_small(camera.see(*pose[:2]), side, rng))
            captions.append(caption(world, camera, pose))
    return Frames(np.stack(images), captions)


def _small(seen, side, rng):
    """What a camera sees, (H, W, 3) in 0..1, with sensor noise and at the model's size: (3, S, S) uint8."""
    noisy = np.clip(seen * 255 + rng.standard_normal(seen.shape, np.float32) * 1.2, 0, 255).astype(np.uint8)
    return np.moveaxis(np.asarray(Image.fromarray(noisy).resize((side, side), Image.Resampling.BICUBIC)), -1, 0)


def _poses(world, rng):
    """Places a robot gets to: the driver's way round either side, a fifth of its keys wrong, and errors on top."""
    side = rng.choice(["left", "right"])
    told = replace(world, scenario=f"{world.scenario.rsplit('_', 1)[0]}_{side}")
    pose, way = world.start, [world.start]
    for _ in range(26):
        key = choose_key(told, pose) if rng.random() > 0.2 else str(rng.choice(["w", "a", "d", "q", "e"]))
        pose = move(pose, key, rng.normal(1, 0.06, 2))
        way.append(pose)
    chosen = [way[number] for number in rng.choice(len(way), PER_WORLD, replace=False)]
    moved = [(x + rng.normal(0, 0.05), y + rng.normal(0, 0.10), yaw) for x, y, yaw in chosen]
    return [pose for pose in moved if not world.touches(*pose[:2], ROBOT)]
