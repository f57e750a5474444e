"""Folders of runs: whether one is taken, which experiment it belongs to, where the newest whole state is."""

import json
import logging
import zipfile
from itertools import count
from pathlib import Path

STATE, RECORD = "last.ckpt", "run.json"
MARKS = (RECORD, STATE, "losses.csv", "*/adapter_config.json")  # any of them makes a folder a run's

log = logging.getLogger(__name__)


def holds_run(folder):
    """True when a run has written into `folder`."""
    return any(any(Path(folder).glob(mark)) for mark in MARKS)


def fresh_folder(folder):
    """Return `folder`, or where that holds a run `folder-2`, `folder-3`, …: the first that holds none."""
    names = (Path(folder) if number == 1 else Path(f"{folder}-{number}") for number in count(1))
    return next(name for name in names if not holds_run(name))


def experiment_of(folder):
    """Return the `exp_name` of a run's config; the folder's name where its run.json does not say."""
    try:
        return json.loads((Path(folder) / RECORD).read_text(encoding="utf-8"))["config"]["exp_name"]
    except (OSError, ValueError, LookupError, TypeError):
        return Path(folder).name


def newest_state(task, experiment):
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


def is_whole(path):
    """True when every record of a checkpoint file has the checksum written with it."""
    try:
        with zipfile.ZipFile(path) as file:
            return file.testzip() is None
    except (OSError, ValueError, zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError):
        return False
