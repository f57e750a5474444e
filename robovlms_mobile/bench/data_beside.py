"""The data path beside what a user would pick instead: episodes kept as JPEG, and the same windows through lerobot."""

import io
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from PIL import Image

from robovlms_mobile.bench.spent import spent
from robovlms_mobile.data.frame_store.build import build
from robovlms_mobile.data.frame_store.store import open_store
from robovlms_mobile.data.hdf5.episode_file import read_episode
from robovlms_mobile.data.hdf5.frames import read_frames

QUALITY = 90  # of the JPEG
WINDOW = 4  # frames
WARMED = 4  # windows read before the clock runs


def jpeg_build(paths: Sequence[Path], scratch: Path, frame_by_frame: float) -> dict[str, float]:
    """Build the store of the same episodes kept as JPEG, the check of their pictures included.

    Args:
        paths: the episode files.
        scratch: a folder to write into.
        frame_by_frame: CPU seconds that reading and resizing the files themselves takes, frame by frame.

    Returns:
        dict: CPU seconds of the build and of decoding and resizing each JPEG alone, and the ratios of both.
    """
    scratch.mkdir(parents=True)
    copies = [_as_jpeg(path, scratch / path.name) for path in paths]
    with spent() as alone:
        for path in copies:
            with h5py.File(path) as file:
                for row in file["images"]:
                    Image.open(io.BytesIO(row.tobytes())).convert("RGB").resize((224, 224), Image.Resampling.BICUBIC)
    with spent() as checked:  # in the helper's process, whose CPU is not counted until it ends
        for path in copies:
            read_episode(path)
    with spent() as ours:
        build(open_store(scratch, folder=scratch / "frames"), copies, workers=1)
    cpu = ours.cpu + checked.wall
    return {
        "jpeg_store_cpu_s": cpu,
        "jpeg_frame_by_frame_cpu_s": alone.cpu,
        "ratio_to_frame_by_frame": frame_by_frame / cpu,
        "ratio_to_jpeg_frame_by_frame": alone.cpu / cpu,
    }


def lerobot_windows(folder: Path, paths: Sequence[Path], scratch: Path, windows: int) -> dict[str, Any]:
    """Read random windows of the same episodes through lerobot's own dataset, as video and as PNG.

    Returns:
        dict: "version", and milliseconds of CPU a window as "video" and "png"; or {"missing": why} without lerobot.
    """
    from robovlms_mobile.errors import MobileError
    from robovlms_mobile.interchange.lerobot_format import lerobot_dataset

    try:
        dataset_class = lerobot_dataset()
    except MobileError as error:
        return {"missing": error.what}
    import lerobot

    scratch.mkdir(parents=True)
    found = {"version": lerobot.__version__}
    for name, videos in (("video", True), ("png", False)):
        found[name] = _lerobot(dataset_class, folder, paths, scratch / name, videos, windows)
    return found


def _lerobot(dataset_class, folder, paths, place, videos, windows):
    from torchvision.transforms.v2 import Resize

    from robovlms_mobile.interchange.lerobot_export import Source, export_lerobot
    from robovlms_mobile.interchange.lerobot_format import CAMERA, place_of

    at = place_of(str(place))
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        export_lerobot([Source(str(folder))], at, [path.name for path in paths], videos=videos)
    fps = dataset_class(at.repo, root=place).fps
    stamps = {CAMERA: [t / fps for t in range(WINDOW)]}
    dataset = dataset_class(at.repo, root=place, delta_timestamps=stamps, image_transforms=Resize((224, 224)))
    chosen = np.random.default_rng(0).integers(len(dataset), size=windows + WARMED).tolist()
    for index in chosen[:WARMED]:
        dataset[index]
    with spent() as cost:
        for index in chosen[WARMED:]:
            dataset[index]
    return 1e3 * cost.cpu / windows


def _as_jpeg(path, target):
    episode = read_episode(path)
    frames = read_frames(episode, range(episode.length))
    with h5py.File(target, "w") as file:
        images = file.create_dataset("images", (len(frames),), h5py.vlen_dtype(np.uint8))
        for number, frame in enumerate(frames):
            buffer = io.BytesIO()
            Image.fromarray(frame).save(buffer, "JPEG", quality=QUALITY)
            images[number] = np.frombuffer(buffer.getvalue(), np.uint8)
        file["actions"] = episode.actions
    return target
