"""Decoded frames on disk, resized once: an index and one `.npy` an episode, mapped into memory when read.

Whatever is in doubt (another version, a truncated file, a checksum that fails, a source that changed) counts as not
there; pixels that are not there are decoded afresh, so a store can be slow but never wrong. Only a file whose content
is wrong is removed; one that cannot be opened, by this user or just now, stays for whoever can.
"""

import base64
import json
import mmap
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL

from robovlms_mobile.data.episodes import Episode

FORMAT = 1
HIDDEN = ".robovlms-mobile"
INDEX = "index.jsonl"
MAPPED = 128  # decoded files a process keeps mapped, each with a file handle


@dataclass(frozen=True)
class Entry:
    """One episode in the index: its source as it was, its decoded file, and what `Episode` holds.

    Attributes:
        told: the fields of the `Episode`, actions (float32) in base64; None in an index of old, which asked for less.
    """

    name: str
    size: int
    mtime_ns: int
    digest: str
    file: str
    bytes: int
    crc: int
    told: dict | None = None

    def episode(self, folder: str | Path) -> Episode:
        """Return the `Episode`, without opening its file."""
        told = self.told or {}
        actions = np.frombuffer(base64.b64decode(told["actions"]), np.float32).reshape(told["length"], -1)
        return Episode(Path(folder) / self.name, **{**told, "actions": actions})


class FrameStore:
    """Read side of a store; `data.frame_store.build` writes it.

    Args:
        folder: the store's own.
        size: frames are (size, size).
        color_order: how the episode files store colours; the store's own are RGB.

    Attributes:
        entries: name → Entry, the last one of each name that the index holds.
    """

    def __init__(self, folder: Path, size: int, color_order: str):
        self.folder, self.size, self.color_order = folder, size, color_order
        self.reload()

    def __reduce__(self):
        return FrameStore, (self.folder, self.size, self.color_order)

    def reload(self) -> None:
        """Read the index again; lines that are torn or damaged count as not there."""
        self.entries = read_index(self.folder / INDEX)
        self._number = {name: number for number, name in enumerate(self.entries)}
        # Shared with forked workers: one check an episode and run, and, at the end, one warning a run.
        self._checked = mmap.mmap(-1, len(self.entries) + 1)
        self._maps = {}

    def has(self, path: str | Path) -> bool:
        """True when the episode is decoded, its source unchanged since, and its decoded file of the right size."""
        entry = self.entries.get(Path(path).name)
        if entry is None or entry.told is None:
            return False
        try:
            source, decoded = os.stat(path), os.stat(self.folder / entry.file)
        except OSError:
            return False
        same = (source.st_size, source.st_mtime_ns) == (entry.size, entry.mtime_ns)
        return same and decoded.st_size == entry.bytes

    def read(self, path: Path) -> Episode:
        """Return the `Episode` at `path`: from the index where it is built, else as `read_episode` does."""
        if self.has(path):
            return self.entries[path.name].episode(path.parent)
        from robovlms_mobile.data.hdf5.episode_file import read_episode

        return read_episode(path)

    def planes(self, name: str) -> np.ndarray:
        """Return an episode's frames, (T, 3, size, size) uint8 RGB, mapped from the disk.

        Raises:
            KeyError: not built; or its file cannot be opened, or is damaged and was removed, which the first one to
                meet it says in a warning.
        """
        if name not in self._maps:
            if len(self._maps) >= MAPPED:
                self._maps.clear()
            self._maps[name] = self._map(self.entries[name])
        return self._maps[name]

    def _map(self, entry):
        path = self.folder / entry.file
        try:
            frames = np.load(path, mmap_mode="r")
            self._check(frames, entry)
        except (OSError, ValueError, EOFError) as error:
            from robovlms_mobile.data.frame_store.trouble import give_up

            give_up(path, entry.name, error, silent=bool(self._checked[-1]))
            self._checked[-1] = 1
            raise KeyError(entry.name) from error
        return frames

    def _check(self, frames, entry):
        number = self._number[entry.name]
        whole = frames.shape == (entry.told["length"], 3, self.size, self.size) and frames.dtype == np.uint8
        if not whole or not (self._checked[number] or zlib.crc32(frames) == entry.crc):
            raise ValueError("other frames than the index says")
        self._checked[number] = 1


def read_index(path: str | Path) -> dict[str, Entry]:
    """Return the entries of an index file, name → Entry; {} when there is none."""
    entries = {}
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return entries
    for line in lines:
        crc, _, text = line.partition(" ")
        if crc == f"{zlib.crc32(text.encode()):08x}":
            known = json.loads(text)
            entries[known["name"]] = Entry(**{key: known[key] for key in Entry.__dataclass_fields__ if key in known})
    return entries


def variant(size: int, color_order: str) -> str:
    """Return the name of a store's folder: all that its pixels depend on besides the source."""
    return f"frames-v{FORMAT}-{size}-bicubic-{color_order}-pillow{PIL.__version__}"


def open_store(
    data_dir: str | Path, image_size: int = 224, color_order: str = "rgb", folder: str | Path | None = None
) -> FrameStore:
    """Open the store of a data folder, which may be empty or absent; builds nothing.

    Args:
        data_dir: folder of the episode files.
        folder: where stores are kept; by default beside the data, or in the user's cache where that is read-only.
    """
    place = place_of(data_dir, folder)
    return FrameStore(place / variant(image_size, color_order), image_size, color_order)


def place_of(data_dir: str | Path, folder: str | Path | None = None) -> Path:
    """Return where what belongs to a data folder is kept.

    That is `DATA_DIR/.robovlms-mobile`; or a part of that data's own in `folder`, or, where the data is read-only, in
    the user's cache.
    """
    beside = Path(data_dir) / HIDDEN
    if folder is None and os.access(beside if beside.exists() else data_dir, os.W_OK):
        return beside
    import platformdirs

    own = f"{zlib.crc32(os.fsencode(os.path.realpath(data_dir))):08x}-{Path(data_dir).resolve().name}"
    return Path(folder or platformdirs.user_cache_dir("robovlms-mobile")) / own
