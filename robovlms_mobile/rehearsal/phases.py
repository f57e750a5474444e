"""Seconds and memory of what a run does, one after the other: loading, steps, a validation, saving."""

import time
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.callbacks import Callback

CLEAR = "5"  # what Linux takes in clear_refs to forget a process's peak


class Phases(Callback):
    """Measures a run of two optimizer steps, one batch of validation and one save.

    Attributes:
        found: phase → {"seconds", "peak": bytes at most, "reserved": bytes that CUDA's allocator holds, or None}.
        batches: "training" and "validation" → how many an epoch of the whole run has.
    """

    def __init__(self) -> None:
        self.found: dict[str, dict] = {}
        self.batches: dict[str, int] = {}
        self._began = time.perf_counter()
        _forget_peak()

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """What is before the first batch: the model, the data, the audit."""
        self._cuda = trainer.strategy.root_device.type == "cuda"
        self._close("load")
        loaders = {"training": trainer.train_dataloader, "validation": trainer.val_dataloaders}
        self.batches = {side: len(loader) for side, loader in loaders.items() if loader is not None}

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *batch: Any) -> None:
        """A step ends with the batch that it is taken after."""
        if trainer.global_step > len(self.found) - 1:
            self._close(f"step {trainer.global_step}")

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        self._close("validation")

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        self._close("save")

    def _close(self, phase):
        if self._cuda:
            torch.cuda.synchronize()
        now = time.perf_counter()
        peak, reserved = _peak(self._cuda)
        self.found[phase] = {"seconds": now - self._began, "peak": peak, "reserved": reserved}
        self._began = now
        _forget_peak(self._cuda)


def _peak(cuda):
    """Return (bytes at most since the peak was last forgotten, bytes that the allocator holds or None)."""
    if cuda:
        return torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:  # not Linux
        return None, None
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024, None


def _forget_peak(cuda=False):
    if cuda:
        torch.cuda.reset_peak_memory_stats()
        return
    try:
        Path("/proc/self/clear_refs").write_text(CLEAR, encoding="ascii")
    except OSError:  # not Linux, or not allowed: a peak then is since the start
        return
