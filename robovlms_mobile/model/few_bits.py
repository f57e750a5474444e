"""Frozen Linear layers whose weights take 8 or 4 bits each and are turned back whenever they are used.

8 bits are int8 with a scale for each row, in torch's own operations; 4 bits are NF4 in blocks of 64, by bitsandbytes.
What comes in and what goes out is in full, or in what autocast computes in; nothing but codes is kept for a backward
pass. Adapters on top train as ever.
"""

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from robovlms_mobile.errors import ModelError
from robovlms_mobile.model.autocast import autocast_dtype
from robovlms_mobile.model.lora import is_lora, linears
from robovlms_mobile.options import BITS

LARGEST = 127  # code of the largest weight of a row
BLOCK = 64  # weights that share a scale in NF4
NF4 = {"blocksize": BLOCK, "quant_type": "nf4"}
FAULTS = (ImportError, OSError, RuntimeError, AttributeError, NotImplementedError)  # of one made for another torch


class FewBits(nn.Module):
    """Stands for a frozen Linear layer.

    Args:
        stock: the layer, of `out` × `in` weights.
        bits: 8 or 4.
        device: where to compute the codes, which then stay there.

    Attributes:
        codes: (out, in) int8; or (out · in / 2, 1) uint8, two a byte.
        scales: (out, 1) float32; or (out · in / 64,).
    """

    def __init__(self, stock: nn.Linear, bits: int, device: Any = None):
        super().__init__()
        weight = stock.weight.detach().to(device or stock.weight.device)
        codes, scales = _int8(weight) if bits == BITS[0] else _nf4(weight)
        self.shape, self.bits, self.bias = weight.shape, bits, stock.bias
        self.out_features, self.in_features = weight.shape
        self.codes = nn.Parameter(codes, requires_grad=False)
        self.scales = nn.Parameter(scales, requires_grad=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return x (…, in) times the weights, plus bias: (…, out)."""
        return _Product.apply(x.to(autocast_dtype(x.device.type) or x.dtype), self)

    @property
    def weight(self) -> torch.Tensor:
        """The weights (out, in) that the codes stand for, in float32."""
        return self.weight_in(torch.float32)

    def weight_in(self, dtype: torch.dtype) -> torch.Tensor:
        """Return the weights (out, in) that the codes stand for."""
        if self.bits == BITS[0]:
            return self.codes.to(dtype).mul_(self.scales)
        from bitsandbytes.functional import QuantState, dequantize_4bit

        return dequantize_4bit(self.codes, QuantState(self.scales, self.shape, dtype=dtype, **NF4))


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, layer):
        ctx.layer = layer
        bias = None if layer.bias is None else layer.bias.to(x.dtype)
        return functional.linear(x, layer.weight_in(x.dtype), bias)

    @staticmethod
    def backward(ctx, gradient):
        return gradient @ ctx.layer.weight_in(gradient.dtype), None


def to_few_bits(model: nn.Module, bits: int, device: Any = None) -> int:
    """Put FewBits in the place of a base model's frozen Linear layers, in place, one after the other.

    Left as they are: adapters, the output embedding, what is trained, and layers that stand in others' hands.

    Args:
        bits: 8 or 4.
        device: where to compute, which is where the model is going to be.

    Returns:
        int: how many layers were replaced.

    Raises:
        ModelError: 4 bits need bitsandbytes, which is not installed or does not go with this torch and device.
    """
    found = {
        name: layer
        for name, layer in linears(model).items()
        if type(layer) is nn.Linear and not is_lora(name) and not layer.weight.requires_grad
    }
    count = len(found)
    while found:
        name, layer = found.popitem()  # whose weights are let go of before the next one's codes are made
        owner, _, own = name.rpartition(".")
        setattr(model.get_submodule(owner), own, FewBits(layer, bits, device))
    return count


def _int8(weight):
    weight = weight.float()
    scales = weight.abs().amax(1, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny) / LARGEST
    return (weight / scales).round().to(torch.int8), scales


def _nf4(weight):
    try:
        from bitsandbytes.functional import quantize_4bit

        codes, state = quantize_4bit(weight, **NF4)
    except FAULTS as error:
        what = f"train_setup.bits 4 needs bitsandbytes, which does not work here ({error})."
        fix = "pip install 'robovlms-mobile[bitsandbytes]', which wants torch 2.4 or newer, or set bits to 8."
        raise ModelError(what, fix) from error
    return codes, state.absmax
