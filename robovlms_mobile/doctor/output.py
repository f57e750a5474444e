"""Checks of the folders a run writes to: writable, with room for what it keeps."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from robovlms_mobile.config.access import lookup, section
from robovlms_mobile.config.model_size import estimate
from robovlms_mobile.config.paths import VLM
from robovlms_mobile.doctor.model import in_bytes, weight_files
from robovlms_mobile.doctor.subject import Subject
from robovlms_mobile.errors import ConfigError
from robovlms_mobile.findings import Finding

FOLDERS = ("output_root", "log_root", "cache_root")
LEAST = 10**9  # bytes that should always be free
FLOAT32 = 4


def folders(subject: Subject) -> Iterator[Finding]:
    """Yield whether each folder can be written to; made is none of them."""
    for key in FOLDERS:
        value = subject.config.get(key)
        if not isinstance(value, str) or not value:
            continue  # reported with the config
        folder = _existing(value)
        try:
            with tempfile.TemporaryFile(dir=folder):
                yield Finding("ok", f"{value} is writable", key)
        except OSError as error:
            what = f"{value} cannot be written to: {folder}: {error.strerror}"
            yield Finding("error", what, key, f"change its owner or rights, or set {key} to another folder")


def room(subject: Subject) -> Iterator[Finding]:
    """Yield whether the disk has room for the checkpoints of a whole run, by a rough estimate."""
    value = subject.config.get("output_root")
    if not isinstance(value, str) or not value:
        return
    free, needed = shutil.disk_usage(_existing(value)).free, checkpoint_bytes(subject.config)
    what = f"{in_bytes(free)} free, a run takes about {in_bytes(needed)}, counting room for one more of each file "
    what += "that is replaced, since the old one stays until the new one is whole"
    if free < max(LEAST, needed):
        fix = "free some, choose another output_root, or raise mobile.checkpoints.every_n_epochs"
        yield Finding("warn", what, "output_root", fix)
    else:
        yield Finding("ok", what, "output_root")


def checkpoint_bytes(config: dict) -> int:
    """Estimate what a run keeps: `best`, `last`, one folder a period, the best few, and last.ckpt with two moments.

    Room for one more of each: the old one lives until the new one is whole.
    """
    epochs = lookup(config, "trainer.max_epochs")
    every = lookup(config, "mobile.checkpoints.every_n_epochs") or 10
    keep = lookup(config, "mobile.checkpoints.keep") or 1
    periodic = epochs // every if isinstance(epochs, int) and isinstance(every, int) and epochs > 0 < every else 0
    more = keep if isinstance(keep, int) and keep > 1 else 0
    return trainable_bytes(config) * (2 + periodic + more + 1 + 2 * 3)


def trainable_bytes(config: dict) -> int:
    """Return the size of what is trained, as float32: adapters and head, or at most the whole model."""
    folder = Path(str(lookup(config, VLM)))
    whole = sum(path.stat().st_size for path in weight_files(folder) if path.is_file()) if folder.is_dir() else 0
    setup = section(config, "train_setup")
    if setup.get("train_vision") or setup.get("train_text_embedding"):
        return max(whole, LEAST)
    try:
        total = estimate(config).total
    except (ConfigError, AttributeError, TypeError):  # reported with the model, or with the config
        total = None
    return max(whole, LEAST) if total is None else FLOAT32 * total


def _existing(value):
    """Return the folder itself, or its nearest parent that exists."""
    path = Path(value).absolute()
    return next(folder for folder in (path, *path.parents) if folder.exists())
