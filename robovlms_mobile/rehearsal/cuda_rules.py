"""What CUDA's autocast and kernels do otherwise than a CPU's, for fake tensors that say they are on a CPU."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from robovlms_mobile.model.autocast import autocast_dtype

IN_FP32 = ("layer_norm", "softmax", "normalize", "huber_loss")  # by CUDA's autocast
ALIGNED = 16  # elements of a row of an attention mask, for the memory-efficient kernel


@contextmanager
def like_cuda() -> Iterator[None]:
    """Compute inside as CUDA would, under torch.autocast for a CPU as under that for CUDA.

    Norms, softmax and losses are in fp32, attention goes through the memory-efficient kernel, an LSTM through one that
    keeps fp32. A choice by a mask, whose size a fake tensor does not know, takes as much as is chosen in training: the
    action token of each text, or all.
    """
    changed = [(functional, name, _in_fp32(getattr(functional, name))) for name in IN_FP32]
    changed.append((functional, "scaled_dot_product_attention", _attention))
    changed.append((nn.LSTM, "forward", _in_fp32(nn.LSTM.forward)))
    stock = [(owner, name, getattr(owner, name)) for owner, name, _ in changed]
    try:
        for owner, name, other in changed:
            setattr(owner, name, other)
        with _Chosen():
            yield
    finally:
        for owner, name, other in stock:
            setattr(owner, name, other)


def _in_fp32(stock):
    @functools.wraps(stock)
    def computed(*args, **kwargs):
        if autocast_dtype("cpu") is None:
            return stock(*args, **kwargs)
        with torch.autocast("cpu", enabled=False):
            return stock(*map(_full, args), **{name: _full(each) for name, each in kwargs.items()})

    return computed


def _full(value):
    return value.float() if isinstance(value, torch.Tensor) and value.is_floating_point() else value


def _attention(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False):
    if (half := autocast_dtype("cpu")) is not None:
        query, key, value = (each.to(half) for each in (query, key, value))
    if attn_mask is not None:
        pad = -attn_mask.shape[-1] % ALIGNED
        mask = functional.pad(attn_mask.to(query.dtype), (0, pad))[..., : attn_mask.shape[-1]]
        attn_mask = mask.expand(query.shape[0], query.shape[1], query.shape[2], key.shape[2])
    grad = torch.is_grad_enabled() and any(each.requires_grad for each in (query, key, value))
    kernel = torch.ops.aten._scaled_dot_product_efficient_attention
    with torch.autocast("cpu", enabled=False):
        return kernel(query, key, value, attn_mask, grad, dropout_p, is_causal, scale=scale)[0]


class _Chosen(TorchFunctionMode):
    def __torch_function__(self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        if function is torch.Tensor.__bool__:
            return False  # transformers 4 draws whether to leave out a layer, at a rate of 0
        by_mask = function is torch.Tensor.__getitem__ and isinstance(args[1], torch.Tensor)
        if by_mask and args[1].dtype == torch.bool:
            values, mask = args
            if mask.dim() == 2 and values.dim() == 3:
                return values[:, -2, :].clone()
            return values.reshape(-1, *values.shape[mask.dim() :]).clone()
        return function(*args, **(kwargs or {}))
