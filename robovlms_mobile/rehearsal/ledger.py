"""Bytes of every tensor that lives, by when it was made: what an allocator would hand out, without its blocks."""

import weakref
from collections import Counter
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

GRAIN = 512  # bytes: CUDA's allocator rounds up to whole ones of these


class Ledger(TorchDispatchMode):
    """Counts the storages that operations inside it make, until they are freed. For fake tensors as for real ones.

    Attributes:
        phase: a name for what goes on; set by whoever counts.
        bytes: that live now.
        peaks: phase → the most that lived at once in it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.phase, self.bytes = "", 0
        self.peaks: Counter = Counter()
        self._live: dict[int, int] = {}

    def __torch_dispatch__(self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        made = function(*args, **(kwargs or {}))
        for each in torch.utils._pytree.tree_leaves(made):
            if isinstance(each, torch.Tensor):
                self._add(each.untyped_storage())
        return made

    def _add(self, storage):
        key = storage._cdata
        size = -(-storage.nbytes() // GRAIN) * GRAIN
        if key in self._live or not size:
            return
        self._live[key] = size
        self.bytes += size
        self.peaks[self.phase] = max(self.peaks[self.phase], self.bytes)
        weakref.finalize(storage, self._drop, key)

    def _drop(self, key):
        self.bytes -= self._live.pop(key, 0)
