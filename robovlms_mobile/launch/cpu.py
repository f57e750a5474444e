"""What upstream takes for granted of a GPU, made true without one."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import wrapt

TRAINER = "robovlms.train.base_trainer"


@functools.cache  # once a process
def allow() -> None:
    """Have upstream's trainer take a batch to where its model is, now or once it is imported."""
    import torch

    wrapt.register_post_import_hook(_batches_follow_the_model, TRAINER)
    if not torch.cuda.is_available():
        wrapt.register_post_import_hook(_add_to_copies, TRAINER)


@contextmanager
def gloo_for_nccl() -> Iterator[None]:
    """Where there is no CUDA, let the next `init_process_group("nccl")` mean gloo; after that call all is as before."""
    import torch
    import torch.distributed as dist

    if torch.cuda.is_available() or not dist.is_available():
        yield
        return
    stock = dist.init_process_group

    @functools.wraps(stock)
    def init_process_group(backend=None, *args, **kwargs):
        dist.init_process_group = stock
        return stock("gloo" if backend == "nccl" else backend, *args, **kwargs)

    dist.init_process_group = init_process_group
    try:
        yield
    finally:
        dist.init_process_group = stock


def _batches_follow_the_model(module: ModuleType) -> None:
    """Upstream's `_process_batch` calls `.cuda()` on every tensor; with the model on the CPU they stay there."""
    from torch.overrides import TorchFunctionMode

    class CudaStays(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            return args[0] if function.__name__ == "cuda" else function(*args, **(kwargs or {}))

    stock = getattr(module.BaseTrainer, "_process_batch", None)
    if stock is None:  # a fork's trainer that moves its batches elsewhere
        return

    @functools.wraps(stock)
    def _process_batch(self, batch):
        if self.device.type == "cuda":
            return stock(self, batch)
        with CudaStays():
            return stock(self, batch)

    module.BaseTrainer._process_batch = _process_batch


class _CopyingTorch(wrapt.ObjectProxy):
    """torch for a trainer that adds in place to `torch.tensor(0.0, requires_grad=True).to(device)`, as some forks do.

    Moved to a GPU that zero is a copy, which may be added to; moved to the CPU it is the same leaf, which may not.
    """

    def tensor(self, *args, **kwargs):
        return self.__wrapped__.tensor(*args, **kwargs).clone()


def _add_to_copies(module):
    module.torch = _CopyingTorch(module.torch)
