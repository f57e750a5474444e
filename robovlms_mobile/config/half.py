"""Half precision on the device that is there: what it has, and what a run is told. Loaded for such a run."""

import warnings
from collections.abc import Iterator

from robovlms_mobile.errors import ConfigError

BF16 = (8, 0)  # compute capability from which a card has bf16: Ampere, the Jetson Orin (8.7) too


def check_device(precision: str, device: str) -> None:
    """Refuse a half precision that the device of a run has not got; warn of one that is not the best it has.

    Args:
        precision: the trainer's.
        device: the type of its device, e.g. "cuda".

    Raises:
        ConfigError: the device cannot train so.
    """
    from torch import cuda

    if device == "cpu":
        if against := against_cpu(precision):
            raise ConfigError(f"trainer.precision {against} (this run is on the CPU).", "Add the flag --precision 32.")
        return
    for level, what, fix in half_precision(precision, cuda.get_device_capability() if device == "cuda" else None):
        if level == "error":
            raise ConfigError(f"trainer.precision {what}.", f"{fix[0].upper()}{fix[1:]}.")
        warnings.warn(f"trainer.precision {what}: {fix}.", stacklevel=2)


def against_cpu(precision: str) -> str | None:
    """Return what speaks against a half precision on this CPU; None where it can train so.

    torch has no LSTM in fp16 for a CPU, and one in bf16 for CPUs with AVX-512 only.
    """
    if not precision.startswith("bf16"):
        return f'is "{precision}", and without CUDA there is no LSTM in fp16'
    import torch

    known = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return None if known else f'is "{precision}", for which this CPU has no LSTM'


def half_precision(precision: str, capability: tuple[int, int] | None) -> Iterator[tuple[str, str, str]]:
    """Yield (level, what, fix) against a half precision on a card of a compute capability; None: there is no card.

    bf16 has the range of fp32, so that gradients do not overflow as in FP16. Cards before Ampere only emulate it.
    """
    if capability is None:
        return
    if precision.startswith("bf16") and capability < BF16:
        what = f'is "{precision}", which this card (compute capability {capability[0]}.{capability[1]}) does not have'
        yield "error", what, 'set it to "16-mixed"'
    elif precision == "16-mixed" and capability >= BF16:
        what = f'is "{precision}", whose gradients may overflow, and this card has bf16'
        yield "warn", what, 'set it to "bf16-mixed"'
