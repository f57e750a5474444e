"""Folders of runs: whether one is taken, which experiment it belongs to, where the newest whole state is."""

import json
import logging
import zipfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

KEY = "robovlms_mobile"  # our entry in a Lightning checkpoint
STATE, RECORD = "last.ckpt", "run.json"
MARKS = (RECORD, STATE, "losses.csv", "*/adapter_config.json", "*/policy.safetensors")  # of a run's folder
UNREADABLE = (OSError, ValueError, zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError)

log = logging.getLogger(__name__)


def holds_run(folder: Path) -> bool:
    """True when a run has written into `folder`."""
    return any(any(Path(folder).glob(mark)) for mark in MARKS)


def fresh_folders(folder: Path) -> Iterator[Path]:
    """Yield `folder`, `folder-2`, `folder-3`, …, without those that hold a run."""
    names = (Path(folder) if number == 1 else Path(f"{folder}-{number}") for number in count(1))
    return (name for name in names if not holds_run(name))


def experiment_of(folder: Path) -> str:
    """Return the `exp_name` of a run's config; the folder's name where its run.json does not say."""
    try:
        return json.loads((Path(folder) / RECORD).read_text(encoding="utf-8"))["config"]["exp_name"]
    except (OSError, ValueError, LookupError, TypeError):
        return Path(folder).name


def newest_state(task: Path, experiment: str) -> Path | None:
    """Return the newest whole `last.ckpt` of an experiment, None where there is none. Damaged ones are said.

    Args:
        task: the folder above the days' folders, OUTPUT_ROOT/MODEL/TASK.
        experiment: the config's `exp_name`.
    """
    found = [path for path in Path(task).glob(f"*/*/{STATE}") if experiment_of(path.parent) == experiment]
    for path in sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True):
        if is_whole(path):
            return path
        log.warning("%s is damaged and passed over: the newest whole state is looked for.", path)
    return None


def is_whole(path: Path) -> bool:
    """True when every record of a checkpoint file has the checksum written with it."""
    try:
        with zipfile.ZipFile(path) as file:
            return file.testzip() is None
    except UNREADABLE:
        return False


def is_state(path: Path) -> bool:
    """True for a checkpoint file with an entry of ours: the word is looked for in its pickle, nothing is unpickled."""
    word = b"X" + len(KEY).to_bytes(4, "little") + KEY.encode()  # a string as torch.save pickles it
    try:
        with zipfile.ZipFile(path) as file:
            return any(word in file.read(name) for name in file.namelist() if name.endswith("/data.pkl"))
    except UNREADABLE:
        return False
