"""Read damaged copies of good episodes, one line of JSON each: run by test_fuzz_episodes.py in a process of its own.

Arguments: a folder to work in, the first number, the number after the last, and the name of a layout out of `vintages`
or none for the collector's. Its memory is bounded: a reader that takes
what a file declares fails here. Prints {"number", "what", "outcome", "seconds"}; outcome is "refused" with the error's
text in "error", "right", or "other: ..." with what differs from the undamaged file.
"""

import json
import os
import resource
import sys
import time
from pathlib import Path

import h5py
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.damage import damage, odd_notes
from support.vintages import VINTAGES

from robovlms_mobile.data.hdf5.episode_file import read_episode
from robovlms_mobile.data.hdf5.frames import all_planes
from robovlms_mobile.errors import DataError
from robovlms_mobile.simulation.recordings import simulate_episode, write_recording

MEMORY = 512 << 20  # bytes beyond what the imports take
NAME = "episode_20251114_151440_1box_hori_right_core_medium.h5"


def write_good(folder):
    """Write the same episode in the collector's layouts and in two others: list of paths."""
    recording = simulate_episode(size=(64, 36), instructions="all")
    paths = [folder / f"good_{layout}.h5" for layout in ("current", "older")]
    for path in paths:
        write_recording(path, recording, path.stem.removeprefix("good_"))
    small = {"chunks": (2, 9, 8, 1), "compression": "gzip"}
    guarded = {"chunks": (1, 36, 64, 3), "maxshape": (None, 36, 64, 3), "shuffle": True, "fletcher32": True}
    for version, options in (("earliest", small), ("latest", {**guarded, "compression": "gzip"})):
        paths.append(folder / f"good_{version}.h5")
        with h5py.File(paths[-1], "w", libver=version) as file:
            file.create_dataset("images", data=recording.images, **options)
            file["actions"] = recording.actions
            file.create_dataset("language_instruction", data=[recording.instruction])
            file.attrs.update(recording.attributes)
    return paths


def read(path):
    """Read all there is: ({name: value}, pixels)."""
    episode = read_episode(path)
    notes = [episode.attributes, episode.events, episode.times, episode.classes, episode.unreadable]
    planes = all_planes(episode)
    return {"actions": episode.actions.tolist(), "instruction": episode.instruction, "notes": notes, "pixels": planes}


def compare(path, good):
    """Read one damaged file and say how that went."""
    try:
        seen = read(path)
    except DataError as error:
        return {"outcome": "refused", "error": str(error)}
    other = [name for name in ("actions", "instruction", "notes") if seen[name] != good[name]]
    other += [] if np.array_equal(seen["pixels"], good["pixels"]) else ["pixels"]
    return {"outcome": f"other: {', '.join(other)}" if other else "right"}


def spoil(source, target, number):
    """Damage bytes, or what the collector noted: for layouts that lack what other damage is done to."""
    return damage(source, target, number) if number % 2 else odd_notes(source, target, number)


def main(folder, first, last, layout=None):
    folder = Path(folder)
    paths = [VINTAGES[layout](folder).path] if layout else write_good(folder)
    goods = [read(path) for path in paths]
    now = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, now + MEMORY))
    for number in range(first, last):
        index = number // 7 % len(paths)
        what = (spoil if layout else damage)(paths[index], folder / NAME, number)
        start = time.perf_counter()
        result = compare(folder / NAME, goods[index])
        result |= {"number": number, "what": what, "seconds": time.perf_counter() - start}
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
