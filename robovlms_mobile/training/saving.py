"""Write what a run keeps: whole or not at all, and a disk that refuses is said, never the end of the run."""

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO
from safetensors import SafetensorError
from safetensors.torch import save_file

from robovlms_mobile.adapters.binding import bind
from robovlms_mobile.errors import CheckpointError
from robovlms_mobile.files import replace_file, replace_folder
from robovlms_mobile.model.lora import has_lora, is_lora, save_adapters
from robovlms_mobile.model.precision import STORED, on_disk

log = logging.getLogger(__name__)
POLICY = "policy.safetensors"
TENSORS = ("adapter_config.json", "adapter_model.safetensors", POLICY)
REFUSALS = (OSError, SafetensorError)


@contextmanager
def unless_refused(path: str | Path) -> Iterator[None]:
    """Pass over a block that the disk refuses; said in the log, see `say_refused`."""
    try:
        yield
    except REFUSALS as error:
        say_refused(path, error)


def say_refused(path: str | Path, error: Exception) -> None:
    """Say in the log that the disk refused to take `path`. An older file of that name is still there, unchanged."""
    log.warning(
        "%s could not be written (%s). The run goes on and keeps what it had; free some room.", path, reason_of(error)
    )


def reason_of(error: Exception) -> str:
    """Return why a file could not be written, as the system says it: "No space left on device"."""
    return getattr(error, "strerror", None) or str(error)


class WholeFiles(TorchCheckpointIO):
    """Lightning's checkpoint files, replaced in one step and read without unpickling anything but tensors and values.

    A disk that refuses is said and passed over, so that the other ranks of a run do not wait for ever.

    Attributes:
        on_refusal: called with the path and the error when the disk refuses.
    """

    on_refusal = staticmethod(say_refused)

    def save_checkpoint(self, checkpoint: dict, path: str | Path, storage_options: Any = None) -> None:
        try:
            with replace_file(path) as temporary:
                torch.save(checkpoint, temporary)
        except (*REFUSALS, RuntimeError) as error:  # the last is what torch's writer makes of a full disk
            self.on_refusal(path, error)

    def load_checkpoint(self, path: str | Path, *args: Any, **kwargs: Any) -> dict:
        from robovlms_mobile.adapters.loading import read_checkpoint

        return read_checkpoint(path)


class AdapterWriter:
    """Writes the adapter folders of one moment of a run: tensors are written once, and linked into each further one.

    Args:
        module: upstream's LightningModule.
        names: set of the trained tensors' names in its state dict.
        extras: file name → what it holds, text or a dict for JSON.
        dtype: "fp32", "fp16" or "bf16".
    """

    def __init__(self, module, names, extras, dtype="fp32"):
        self.module, self.names, self.extras, self.dtype = module, names, extras, STORED[dtype]
        self._files = TENSORS if has_lora(module.model.backbone) else (POLICY,)
        self._written = None

    def write(self, folder: str | Path, metrics: dict) -> bool:
        """Put a folder in its place, with `metrics` as its metrics.json. Returns False where the disk refused."""
        folder = Path(folder)
        try:
            with replace_folder(folder) as temporary:
                if not self._link(temporary):
                    self._write_tensors(temporary)
                for name, content in {**self.extras, "metrics.json": metrics}.items():
                    (temporary / name).write_text(as_text(content), encoding="utf-8")
                bind(temporary)
        except (*REFUSALS, CheckpointError) as error:  # the last: a value that the dtype cannot hold
            say_refused(folder, error)
            return False
        self._written = folder
        return True

    def _link(self, folder):
        try:
            for name in self._files if self._written else ():
                os.link(self._written / name, folder / name)
        except OSError:  # a file system without links
            for name in self._files:  # writing into one would write into the folder it is linked from
                (folder / name).unlink(missing_ok=True)
            return False
        return self._written is not None

    def _write_tensors(self, folder):
        if self._files == TENSORS:
            base = self.module.configs["vlm"]["pretrained_model_name_or_path"]
            save_adapters(self.module.model.backbone, folder, base, self.dtype)
        own = dict(self.module.named_parameters())  # one name each: safetensors refuses two names for the same memory
        names = sorted(name for name in own.keys() & self.names if not is_lora(name))
        other = {name: on_disk(name, own[name], self.dtype) for name in names}
        save_file(other, folder / POLICY, metadata={"format": "pt"})


def as_text(content: Any) -> str:
    """Return text as it is, anything else as indented JSON."""
    return content if isinstance(content, str) else json.dumps(content, indent=2, ensure_ascii=False) + "\n"
