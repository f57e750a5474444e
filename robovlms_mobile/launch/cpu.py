"""What upstream takes for granted of a GPU, made true without one."""

import functools

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
    wrapt.register_post_import_hook(_copy_in_loss, "robovlms.train.base_trainer")
    return True


def _copy_in_loss(module):
    """Let a trainer add in place to a zero that requires grad, as some forks do: moved to a GPU it is a copy."""
    from torch.overrides import TorchFunctionMode

    class ToCopies(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            result = function(*args, **(kwargs or {}))
            return result.clone() if function.__name__ == "to" and result is args[0] and result.is_leaf else result

    stock = module.BaseTrainer._get_loss

    @functools.wraps(stock)
    def _get_loss(self, prediction):
        with ToCopies():
            return stock(self, prediction)

    module.BaseTrainer._get_loss = _get_loss
