"""One optimizer step of a run, counted: bytes by phase, what is there all the time, and arithmetic."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from robovlms_mobile.model.few_bits import to_few_bits
from robovlms_mobile.model.precision import STORED, TORCH
from robovlms_mobile.options import BITS, COMPUTES
from robovlms_mobile.rehearsal.counted_batch import counted_batch, counted_windows
from robovlms_mobile.rehearsal.cuda_rules import like_cuda
from robovlms_mobile.rehearsal.ledger import Ledger
from robovlms_mobile.rehearsal.weightless import host_tables, to_fake, weightless
from robovlms_mobile.training.parameters import count_parameters
from robovlms_mobile.training.small_moments import NAME, WHOLE

BLOCK = 256  # parameters that share a scale in bitsandbytes
TEXT = 20  # tokens of an instruction in its prompt, about


@dataclass(frozen=True)
class Counted:
    """What a run's steps need on the device.

    Attributes:
        peak: bytes at most at once.
        phases: "forward", "backward", "step", "validation" → bytes at most in it, once everything is there.
        weights: bytes of parameters and buffers.
        gradients, moments: bytes that the optimizer's step finds, and that it keeps.
        host: bytes of tables that stay in the machine's memory.
        flops: of one batch, forward and backward.
        trained: parameters that are.
        windows, frames: of that batch, and how many of its frames go through the model.
    """

    peak: int
    phases: dict[str, int]
    weights: int
    gradients: int
    moments: int
    host: int
    flops: int
    trained: int
    windows: int
    frames: int

    def to_json(self) -> dict:
        """Return all of it as a dict of primitives."""
        return asdict(self)


def counted(configs: dict, root: str | Path, architecture: Any = None, text: int = TEXT) -> Counted:
    """Count a training step of a config on fake tensors, by CUDA's rules: no weights are read, no memory is needed.

    Args:
        configs: as `load_config` gives it.
        root: the checkout.
        architecture: of another base model than the config's, as transformers describes it.
        text: tokens of an instruction.
    """
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.utils.flop_counter import FlopCounterMode

    model = weightless(configs, root, architecture).train()
    precision = COMPUTES.get(str(configs["trainer"].get("precision")))
    small = (configs.get("mobile") or {}).get("optimizer") == NAME
    ledger, flops = Ledger(), FlopCounterMode(display=False)
    with FakeTensorMode(allow_non_fake_inputs=True):
        tables = host_tables(model)
        for each in tables:
            each.weight = torch.empty(each.weight.shape, dtype=each.weight.dtype, device="cpu")
        with ledger, like_cuda():
            ledger.phase = "loading"
            to_fake(model)
            if (bits := configs["train_setup"].get("bits")) in BITS:
                to_few_bits(model.backbone, bits)
            weights = ledger.bytes
            step = _Steps(model, counted_batch(configs, text), ledger, precision, small)
            step.forward_and_backward()
            gradients = step.optimize()
            moments = ledger.bytes - weights
            with flops:  # which holds on to tensors, so that bytes are counted without it
                step.forward_and_backward()
            ledger.peaks.clear()
            step.forward_and_backward()  # a further batch of the same step, which finds gradients
            step.optimize()
            step.validate()
    host = sum(each.weight.nbytes for each in tables)
    trained = sum(row["trainable"] for row in count_parameters(model).values())
    peaks, total = dict(ledger.peaks), flops.get_total_flops()
    sizes = (weights, gradients, moments, host, total, trained)
    return Counted(max(peaks.values()), peaks, *sizes, *counted_windows(configs))


class _Steps:
    def __init__(self, model: nn.Module, batch: dict, ledger: Ledger, precision: str | None, small: bool):
        self.model, self.batch, self.ledger = model, batch, ledger
        self.half = TORCH[STORED[precision]] if precision else None
        self.trained = [each for each in model.parameters() if each.requires_grad]
        self.moments, self.small = [], small  # whether a moment takes a byte a parameter

    def forward_and_backward(self) -> None:
        self.ledger.phase = "forward"
        loss = self._loss()
        self.ledger.phase = "backward"
        loss.backward()

    def optimize(self) -> int:
        """Take an optimizer's step, fused: its moments live on, gradients do not. Returns the gradients' bytes."""
        self.ledger.phase = "step"
        torch.nn.utils.clip_grad_norm_(self.trained, 1.0)
        before = self.ledger.bytes
        if not self.moments:
            self.moments = [_moment(each, self.small) for each in self.trained for _ in range(2)]
            before = self.ledger.bytes
        for each in self.trained:
            each.grad = None
        return before - self.ledger.bytes

    def validate(self) -> None:
        self.ledger.phase = "validation"
        with torch.no_grad():
            self._loss()

    def _loss(self):
        with torch.autocast("cpu", self.half, enabled=self.half is not None):
            return self.model(**self.batch, data_source="mobile_vla_action")["loss_arm_act"]


def _moment(parameter, small):
    """Return one of the two moments that AdamW keeps of a parameter: fp32, or bytes and the scales of their blocks."""
    if not small or parameter.numel() < WHOLE:
        return torch.zeros_like(parameter, dtype=torch.float32)
    scales = -(-parameter.numel() // BLOCK)
    return torch.zeros_like(parameter, dtype=torch.uint8), torch.zeros(scales)
