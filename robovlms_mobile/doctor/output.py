"""Checks of the folders a run writes to: writable, with room for what it keeps."""

import json
import shutil
import tempfile
from pathlib import Path

from robovlms_mobile.config.access import lookup, section
from robovlms_mobile.config.paths import VLM
from robovlms_mobile.doctor.model import in_bytes, weight_files
from robovlms_mobile.findings import Finding

FOLDERS = ("output_root", "log_root", "cache_root")
LEAST = 10**9  # bytes that should always be free
FLOAT32 = 4


def folders(subject):
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


def room(subject):
    """Yield whether the disk has room for the checkpoints of a whole run, by a rough estimate."""
    value = subject.config.get("output_root")
    if not isinstance(value, str) or not value:
        return
    free, needed = shutil.disk_usage(_existing(value)).free, checkpoint_bytes(subject.config)
    what = f"{in_bytes(free)} free, a run keeps about {in_bytes(needed)}"
    if free < max(LEAST, needed):
        fix = "free some, choose another output_root, or raise mobile.checkpoints.every_n_epochs"
        yield Finding("warn", what, "output_root", fix)
    else:
        yield Finding("ok", what, "output_root")


def checkpoint_bytes(config):
    """Estimate what a run keeps: `best`, `last`, one folder a period, the best few, and last.ckpt with two moments.

    Room for one more of each: the old one lives until the new one is whole.
    """
    epochs = lookup(config, "trainer.max_epochs")
    every = lookup(config, "mobile.checkpoints.every_n_epochs") or 10
    keep = lookup(config, "mobile.checkpoints.keep") or 1
    periodic = epochs // every if isinstance(epochs, int) and isinstance(every, int) and epochs > 0 < every else 0
    more = keep if isinstance(keep, int) and keep > 1 else 0
    return trainable_bytes(config) * (2 + periodic + more + 1 + 2 * 3)


def trainable_bytes(config):
    """Estimate the size of what is trained, as float32: adapters and head, or at most the whole model."""
    setup = section(config, "train_setup")
    folder = Path(str(lookup(config, VLM)))
    whole = sum(path.stat().st_size for path in weight_files(folder) if path.is_file()) if folder.is_dir() else 0
    frozen = setup.get("freeze_backbone") or setup.get("lora_enable")
    if not frozen or setup.get("train_vision") or setup.get("train_text_embedding"):
        return max(whole, LEAST)
    width, layers, inner = _text_model(folder)
    rank = setup.get("lora_r") if setup.get("lora_enable") else 0
    rank = rank if isinstance(rank, int) else 0
    adapters = rank * layers * (8 * width + 2 * (width + inner))  # q, k, v, out and two MLP linears, A and B each
    hidden = lookup(config, "act_head.hidden_size")
    hidden = hidden if isinstance(hidden, int) else 1024
    head = 4 * hidden * (width + hidden) + 24 * hidden * hidden  # an LSTM of four layers
    return FLOAT32 * (adapters + head)


def _text_model(folder):
    """Return (width, layers, MLP width) of a model's text part; Kosmos-2's where its config does not say."""
    file = folder / "config.json"
    try:
        config = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    except ValueError:  # reported with the model
        config = {}
    text = section(config, "text_config") or config
    names = (("embed_dim", "hidden_size"), ("layers", "num_hidden_layers"), ("ffn_dim", "intermediate_size"))
    sizes = zip(names, (2048, 24, 8192), strict=True)
    return tuple(next((text[name] for name in pair if name in text), default) for pair, default in sizes)


def _existing(value):
    """Return the folder itself, or its nearest parent that exists."""
    path = Path(value).absolute()
    return next(folder for folder in (path, *path.parents) if folder.exists())
