"""A file of each layout that recorders of one lab wrote within ten months, and what is to be read back of it."""

import io
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

HEIGHT, WIDTH = 12, 16
GZIP = {"compression": "gzip", "compression_opts": 4, "shuffle": True}
KEYS = np.float32([(0, 0, 0), (1.15, 0, 0), (1.15, 1.15, 0), (1.15, -1.15, 0)])


@dataclass(frozen=True)
class Vintage:
    """A file that was written, and what it says.

    Attributes:
        frames: (T, H, W, 3) uint8, RGB as the camera saw it; None where the codec is lossy.
        actions: (T, 3) float32 as ACTION_DIMS has them.
        says: fields of `Episode` → values.
    """

    path: Path
    frames: np.ndarray | None
    actions: np.ndarray
    says: dict = field(default_factory=dict)


def pictures(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, HEIGHT, WIDTH, 3), np.uint8)


def november_2025(folder, seed=0):
    frames, actions = pictures(18, seed), np.resize(KEYS, (18, 3))
    path = folder / "episode_20251114_151440_1box_hori_left_core_medium.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("images", data=frames, chunks=(1, HEIGHT, WIDTH, 3), **GZIP)
        file["actions"] = actions
        file["action_event_types"] = ["episode_start", *["start_action"] * 17]
        file.attrs.update({"episode_name": path.stem, "num_frames": 18, "total_duration": 6.1, "action_chunk_size": 8})
    events = ["episode_start", *["start_action"] * 17]
    return Vintage(path, frames, actions, {"scenario": "1box_hori_left", "seconds": 6.1, "events": events})


def two_columns(folder, seed=0):
    frames, actions = pictures(18, seed), np.resize(KEYS, (18, 3))
    path = folder / "episode_20251120_101010_2box_vert_right.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("images", data=frames, **GZIP)
        file["actions"] = actions[:, :2]
    says = {"scenario": "2box_vert_right", "dims": ("linear_x", "linear_y"), "seconds": None}
    return Vintage(path, frames, actions, says)


def april_2026(folder, seed=0):
    frames, actions = pictures(15, seed), np.resize(KEYS + np.float32([0, 0, 0.25]), (15, 3))
    path = folder / "episode_260414_101112_target_center_left_path_a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("observations/images", data=frames, **GZIP)
        file["actions"] = actions.astype(np.float64)
        file["language_instruction"] = [b"Go to the red cup, past the box on its left."]
        file.attrs.update({"scenario": "target_center_left", "pattern": "path_a"})
    told = "Go to the red cup, past the box on its left."
    return Vintage(path, frames, actions, {"scenario": "target_center_left", "instruction": told})


def june_2026(folder, seed=0, form="PNG", shifted=False):
    frames, actions = pictures(16, seed), np.resize(KEYS, (16, 3))
    path = folder / f"episode_260611_093000_{'shifted' if shifted else 'plain'}.h5"
    seconds = 1.78e9 + np.cumsum(np.random.default_rng(seed).uniform(0.15, 0.2, 16))
    rows = np.roll(actions, -1, 0) if shifted else actions
    with h5py.File(path, "w") as file:
        images = file.create_dataset("images", (16,), h5py.vlen_dtype(np.uint8))
        for number, frame in enumerate(frames):
            buffer = io.BytesIO()
            Image.fromarray(frame).save(buffer, form, quality=90)
            images[number] = np.frombuffer(buffer.getvalue(), np.uint8)
        file["actions"] = rows
        file["timestamps"] = seconds
        file.attrs.update({"scenario": "center_left", "mode": "shifted_actions" if shifted else "plain"})
    says = {"times": pytest.approx(seconds - seconds[0]), "shifted": shifted, "scenario": "center_left"}
    return Vintage(path, frames if form == "PNG" else None, rows, says)


def june_2026_jpeg(folder, seed=0):
    return june_2026(folder, seed, "JPEG")


def june_2026_shifted(folder, seed=0):
    return june_2026(folder, seed, shifted=True)


def july_2026(folder, seed=0, **more):
    frames, actions = pictures(74, seed), np.resize(KEYS * np.float32(0.4), (74, 3))
    path = folder / "episode_260702_180000_cup.h5"
    events = [("keyboard", "joystick", "stop_inject")[t % 7 // 3] for t in range(74)]
    with h5py.File(path, "w") as file:
        file.create_dataset("images", data=frames[..., ::-1], chunks=(1, HEIGHT, WIDTH, 3), **GZIP)
        file["actions"] = actions
        file["action_event_types"] = events
        file.attrs.update({"cx_position": "center", "cx_path": "left", "color_order": "BGR", "total_duration": 12.4})
        for name, value in more.items():
            file[name] = value
    says = {"scenario": "left", "color_order": "bgr", "instruction": None, "events": events, "seconds": 12.4}
    return Vintage(path, frames, actions, says)


def august_2026(folder, seed=0):
    classes = np.resize(np.arange(4), 74)
    found = july_2026(folder, seed, action_classes=classes)
    with h5py.File(found.path, "a") as file:
        file.attrs.update({"control_mode": "velocity", "action_space": "discrete_8"})
    return Vintage(found.path, found.frames, found.actions, found.says | {"classes": classes.tolist()})


def differential(folder, seed=0):
    """Of another robot: it turns instead of going aside, and its file names its columns."""
    frames, driven = pictures(18, seed), np.random.default_rng(seed).uniform(-1, 1, (18, 2)).astype(np.float16)
    path = folder / "episode_20260901_120000_2box_hori_left.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("images", data=frames, **GZIP)
        file["actions"] = driven
        file.attrs["action_names"] = ["linear.x", "angular.z"]
    actions = np.stack([driven[:, 0], np.zeros(18), driven[:, 1]], 1).astype(np.float32)
    return Vintage(path, frames, actions, {"dims": ("linear_x", "angular_z"), "scenario": "2box_hori_left"})


VINTAGES = {
    each.__name__: each
    for each in (
        *(november_2025, two_columns, april_2026, june_2026, june_2026_jpeg, june_2026_shifted),
        *(july_2026, august_2026, differential),
    )
}
