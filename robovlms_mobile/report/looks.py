"""Thumbnails of an episode: from the frame store where it is ready, else three frames decoded from the file."""

from contextlib import suppress

import numpy as np
from PIL import Image

from robovlms_mobile.data.frame_store.store import open_store
from robovlms_mobile.data.hdf5.frames import read_frames
from robovlms_mobile.data.split.near_duplicates import thumbnails
from robovlms_mobile.report.records import Record

WIDTH = 256  # pixels across a thumbnail; its height follows the camera's
CELLS, CELL = 16, 14  # a signature's cells across, and pixels across a cell
CACHED = 256  # episodes


class Looks:
    """First, middle and last frame of episodes. Builds no store.

    Args:
        data_dir: folder of the episodes.
        settings: `Settings`: image size, colour order and where stores are kept.
    """

    def __init__(self, data_dir, settings):
        self.color_order = settings.color_order
        self.store = open_store(data_dir, settings.image_size, settings.color_order or "rgb", settings.frames_dir)
        self._read = {}

    def thumbnails(self, record: Record) -> np.ndarray:
        """Return (3, height, WIDTH, 3) uint8 RGB.

        Raises:
            DataError: the pixels cannot be decoded; names the file.
        """
        if record.name not in self._read:
            if len(self._read) >= CACHED:
                self._read.clear()
            width, height = record.size
            shape = (WIDTH, max(1, round(WIDTH * height / width)))
            self._read[record.name] = np.stack([_resized(frame, *shape) for frame in self._frames(record)])
        return self._read[record.name]

    def signature(self, record: Record) -> np.ndarray:
        """Return grey thumbnails (3, 16, 16) uint8 to find near-duplicates by. Raises DataError as above."""
        stored = self._stored(record)
        if stored is not None:
            return thumbnails(stored)
        squares = [_resized(each, CELLS * CELL, CELLS * CELL) for each in self.thumbnails(record)]
        grey = np.mean(squares, axis=-1).reshape(3, CELLS, CELL, CELLS, CELL)
        return grey.mean(axis=(2, 4)).round().astype(np.uint8)

    def _frames(self, record):
        length = record.episode.length
        indices = [0, length // 2, length - 1]
        stored = self._stored(record)
        if stored is not None:
            return np.moveaxis(stored[record.episode.at(indices)], 1, -1)
        return [read_frames(record.episode, [index], self.color_order)[0] for index in indices]

    def _stored(self, record):
        """Return the episode's planes; None where it is not in the store, or fails its checksum there."""
        if self.store.has(record.episode.path):
            with suppress(KeyError):
                return self.store.planes(record.name)
        return None


def _resized(frame, width, height):
    image = Image.fromarray(np.ascontiguousarray(frame))
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))
