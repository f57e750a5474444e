"""What upstream takes for granted of a GPU, made true without one."""

import wrapt


def allow():
    """Where there is no CUDA: `init_process_group("nccl")` means gloo, `.cuda()` does nothing. Idempotent.

    Returns:
        bool: True when this call changed something.
    """
    import torch
    import torch.distributed as dist

    if torch.cuda.is_available() or not dist.is_available() or hasattr(dist.init_process_group, "with_nccl"):
        return False
    with_nccl = dist.init_process_group

    def init_process_group(backend=None, *args, **kwargs):
        return with_nccl("gloo" if backend == "nccl" else backend, *args, **kwargs)

    init_process_group.with_nccl = with_nccl
    dist.init_process_group = init_process_group
    torch.Tensor.cuda = lambda self, *args, **kwargs: self
    torch.nn.Module.cuda = lambda self, *args, **kwargs: self
    wrapt.register_post_import_hook(_add_to_copies, "robovlms.train.base_trainer")
    return True


class _CopyingTorch(wrapt.ObjectProxy):
    """torch for a trainer that adds in place to `torch.tensor(0.0, requires_grad=True).to(device)`, as some forks do.

    Moved to a GPU that zero is a copy, which may be added to; moved to the CPU it is the same leaf, which may not.
    """

    def tensor(self, *args, **kwargs):
        return self.__wrapped__.tensor(*args, **kwargs).clone()


def _add_to_copies(module):
    module.torch = _CopyingTorch(module.torch)
