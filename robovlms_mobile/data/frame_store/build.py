"""Build a frame store: decode what is missing or changed, on all cores, one builder at a time, safe to kill."""

import base64
import hashlib
import json
import os
import shutil
import warnings
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

import numpy as np
from PIL import Image

from robovlms_mobile.data.episodes import Episode
from robovlms_mobile.data.frame_store.store import INDEX, Entry, FrameStore, place_of
from robovlms_mobile.data.frame_store.trouble import COST
from robovlms_mobile.data.hdf5.episode_file import read_episode
from robovlms_mobile.data.hdf5.frames import all_planes
from robovlms_mobile.errors import DataError
from robovlms_mobile.files import replace_file

LOCK = "build.lock"
Progress = Callable[[int, int], None]


def build(
    store: FrameStore, paths: Iterable[Path], progress: Progress | None = None, workers: int | None = None
) -> None:
    """Decode every episode of `paths` that `store` has not got as it is now.

    Another builder of the same store is waited for, and what it built is used. Killed at any point, the next build
    goes on after the last episode that was finished. A file that cannot be decoded is left out: reading it says why.

    Args:
        progress: called as `progress(done, total)` after each episode.
        workers: threads; by default one a core.

    Raises:
        OSError: the store's folder cannot be written or the disk is full; what is finished stays usable.
    """
    import filelock

    if all(map(store.has, paths)):
        return
    store.folder.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(store.folder / LOCK):
        store.reload()
        missing = [path for path in paths if not store.has(path)]
        with open(store.folder / INDEX, "a+b") as index:
            _end_torn_line(index)
            for done, entry in enumerate(_decoded(store, missing, workers), 1):
                if entry:
                    index.write(line_of(entry).encode())
                    index.flush()
                    os.fsync(index.fileno())
                if progress:
                    progress(done, len(missing))
        store.reload()
        _sweep(store)


def build_or_warn(store: FrameStore, paths: Collection[Path], progress: Progress | None = None) -> None:
    """`build`, where a store that cannot be written (disk full, read-only, another user's) is one warning."""
    try:
        build(store, paths, progress)
    except OSError as error:
        store.reload()
        lacking = [path.name for path in paths if not store.has(path)]
        for name in lacking:  # what another version of a file looked like is not what it looks like
            store.entries.pop(name, None)
        warnings.warn(
            f"The frame store in {store.folder} cannot be written ({error.strerror or error}). An episode that is not "
            f"in it, now {len(lacking)} of {len(paths)}, is decoded whenever it is read: {COST} Free some room there, "
            'ask its owner for the right to write, or name another place in the config: "mobile": {"frames": {"dir": '
            '"FOLDER"}}.',
            stacklevel=2,
        )


def drop_stores(data_dir: str | Path, folder: str | Path | None = None) -> list[str]:
    """Remove every frame store of a data folder, and kept features of frames. Returns what was removed: list[str]."""
    place = place_of(data_dir, folder)
    dropped = [store for kind in ("frames-v*", "features-v*") for store in sorted(place.glob(kind))]
    for store in dropped:
        shutil.rmtree(store)
    return [str(store) for store in dropped]


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Yield a `progress(done, total)` that shows a bar with the time left once there is something to decode."""
    bars = []

    def progress(done, total):
        if not bars:
            from tqdm import tqdm

            bars.append(tqdm(total=total, unit=" episodes", desc="decoding frames, once"))
        bars[0].update(done - bars[0].n)

    try:
        yield progress
    finally:
        for bar in bars:
            bar.close()


def line_of(entry: Entry) -> str:
    """Return an entry as a line of the index, with its own checksum in front."""
    text = json.dumps(entry.__dict__, ensure_ascii=False)
    return f"{zlib.crc32(text.encode()):08x} {text}\n"


def _decoded(store, paths, workers):
    """Yield an Entry, or None for an episode that cannot be decoded, for each path as it is done."""
    jobs = [(path, store.folder, store.size, store.color_order, store.entries.get(path.name)) for path in paths]
    count = max(1, min(workers or os.cpu_count() or 1, len(jobs)))
    with ThreadPoolExecutor(count) as pool:  # inflating, resizing, hashing and writing all let go of the GIL
        try:
            for future in as_completed([pool.submit(_decode, job) for job in jobs]):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _decode(job):
    path, folder, size, color_order, known = job
    try:
        before = os.stat(path)
        digest = file_digest(path)
    except OSError:  # gone meanwhile, or not ours to read
        return None
    stamp = {"name": path.name, "size": before.st_size, "mtime_ns": before.st_mtime_ns, "digest": digest}
    same = known and known.digest == digest and _is_whole(folder / known.file, known)
    if same and known.told is not None:
        return Entry(**{**known.__dict__, **stamp})  # touched, not changed
    try:
        episode = read_episode(path)
        if same and episode.color_order in (None, color_order):  # the frames are right, what is told of them may not be
            kept = {key: getattr(known, key) for key in ("file", "bytes", "crc")}
        else:
            kept = _write(folder, f"{path.stem}-{digest}.npy", resized(episode, size, color_order))
    except DataError:
        return None
    return Entry(**stamp, **kept, told=_told(episode))


def _told(episode):
    """Return an episode's fields as JSON can hold them, without those at their defaults."""
    told = {each.name: getattr(episode, each.name) for each in fields(episode) if each.name != "path"}
    usual = {each.name: each.default for each in fields(episode)} | {"attributes": {}}
    told["actions"] = base64.b64encode(episode.actions.astype(np.float32).tobytes()).decode()
    return {name: value for name, value in told.items() if name == "actions" or value != usual[name]}


def _write(folder, name, frames):
    """Write decoded frames; returns what an Entry says of their file."""
    with replace_file(folder / name) as temporary, open(temporary, "wb") as file:
        np.save(file, frames)
    return {"file": name, "bytes": (folder / name).stat().st_size, "crc": zlib.crc32(frames)}


def resized(episode: Episode, size: int, color_order: str) -> np.ndarray:
    """Decode and resize a whole episode: (T, 3, size, size) uint8 RGB, as `data.images` resizes single frames.

    Raises:
        DataError: the pixels cannot be decoded; names the file.
    """
    planes, order = all_planes(episode), episode.color_order or color_order  # (3, T, H, W)
    out = np.empty((planes.shape[1], 3, size, size), np.uint8)
    for colour, plane in enumerate(planes[::-1] if order == "bgr" else planes):
        for t, image in enumerate(plane):
            out[t, colour] = np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC))
    return out


def file_digest(path: Path) -> str:
    """Return blake2b of a file's bytes, 16 bytes as hex."""
    digest = hashlib.blake2b(digest_size=16)
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _is_whole(path, entry):
    try:
        return zlib.crc32(np.load(path, mmap_mode="r")) == entry.crc
    except (OSError, ValueError, EOFError):
        return False


def _end_torn_line(index):
    """A builder killed in the middle of a line left no newline: end it, so that it spoils only itself."""
    index.seek(0, os.SEEK_END)
    if index.tell():
        index.seek(-1, os.SEEK_END)
        if index.read(1) != b"\n":
            index.write(b"\n")


def _sweep(store):
    """Remove decoded files that no entry names, and what killed builders left half written."""
    kept = {entry.file for entry in store.entries.values()} | {INDEX, LOCK}
    for path in store.folder.iterdir():
        if path.name not in kept:
            path.unlink(missing_ok=True)
