"""Does a set of trained tensors fit upstream's module? Load it in place, all of it or nothing."""

import pickle
import re
from pathlib import Path
from typing import Any

import torch

from robovlms_mobile.adapters.tensors import SHOWN, faults_of, value_fault
from robovlms_mobile.errors import CheckpointError

UNREADABLE = (  # what torch.load raises for damaged files, for pickles that do more than hold tensors, and for others
    *(pickle.UnpicklingError, RuntimeError, EOFError, OSError),
    *(LookupError, ValueError, TypeError, AttributeError),
)

SAFE = (2, 6)  # torch from which on `weights_only` holds
UNSAFE = (
    "torch before 2.6 can be made to run code by a .ckpt file, even when it reads tensors only (CVE-2025-32434): take "
    "files of people you trust, or update torch."
)


def can_be_fooled() -> bool:
    """True where this torch's `weights_only` does not keep a crafted file from running code."""
    return tuple(int(number) for number in re.findall(r"\d+", torch.__version__)[:2]) < SAFE


def misfits(module: torch.nn.Module, shapes: dict, shown: int = SHOWN) -> list[str]:
    """Return in words how tensors differ from what `module` trains; empty when they fit.

    Args:
        shapes: dict of name in the module's state dict → shape.
        shown: how many tensors are named of each kind; the others are counted.
    """
    known = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    parameters = dict(module.named_parameters(remove_duplicate=False))
    covered = {id(parameter) for name, parameter in parameters.items() if name in shapes}  # a shared one has two names
    missing = [name for name, each in parameters.items() if each.requires_grad and id(each) not in covered]
    kinds = (
        ("trained tensors are missing", sorted(missing)),
        ("tensors the model lacks", sorted(shapes.keys() - known.keys())),
        (
            "tensors of another shape",
            [
                f"{name} {tuple(shapes[name])}, expected {known[name]}"
                for name in sorted(shapes.keys() & known.keys())
                if tuple(shapes[name]) != known[name]
            ],
        ),
    )
    return faults_of(kinds, shown)


def load_into(module: torch.nn.Module, state: dict) -> None:
    """Copy trained tensors into upstream's module, in place: all of them, or none when one does not fit.

    Args:
        module: upstream's LightningModule, with LoRA in it where `state` has adapters.
        state: name in its state dict → tensor. Converted to the precision of the module.

    Raises:
        CheckpointError: a trained tensor is missing, one is unknown, or of another shape, or not finite; names all.
    """
    odd = sorted(name for name, tensor in state.items() if not _is_plain(tensor))
    shapes = {name: tensor.shape for name, tensor in state.items() if name not in odd}
    faults = faults_of([("entries that are no tensors of floating-point numbers", odd)]) or misfits(module, shapes)
    if not faults and (unfit := value_fault(state)):
        faults = [unfit]
    if faults:
        raise CheckpointError(
            f"The trained tensors do not fit this config's model. {'; '.join(faults)}. Nothing was changed. "
            "Use the config of the run that wrote them (lora_r, mobile.lora.targets, act_head, base model)."
        )
    with torch.no_grad():
        own = module.state_dict()  # shares memory with the module
        for name, tensor in state.items():
            own[name].copy_(tensor)


def _is_plain(tensor):
    return isinstance(tensor, torch.Tensor) and tensor.layout == torch.strided and tensor.is_floating_point()


def read_checkpoint(path: str | Path) -> Any:
    """Return what a Lightning checkpoint of a run holds, on the CPU: tensors and plain values, nothing else is read.

    Raises:
        CheckpointError: no regular file, damaged, or it holds objects that would have to be unpickled.
    """
    path = Path(path)
    if path.is_symlink() or not path.is_file():
        raise CheckpointError(f"{path} is not a regular file. Name a run's last.ckpt.")
    try:
        return torch.load(path, weights_only=True, map_location="cpu")
    except UNREADABLE as error:
        first = (str(error).splitlines() or [""])[0][:200]
        raise CheckpointError(
            f"{path} holds nothing that can be read safely ({type(error).__name__}: {first}): it is damaged, or holds "
            "more than tensors and plain values. Name a run's last.ckpt."
        ) from error


def trained_tensors(path: str | Path) -> dict[str, torch.Tensor]:
    """Return the trained tensors of a `.ckpt` that a run of ours wrote: name in upstream's state dict → CPU tensor.

    Raises:
        CheckpointError: as `read_checkpoint`; also no state_dict in it.
    """
    content = read_checkpoint(path)
    state = content.get("state_dict") if isinstance(content, dict) else None
    if not isinstance(state, dict):
        raise CheckpointError(f"{path} has no state_dict. Name a run's last.ckpt, or one of its adapter folders.")
    return {str(name): tensor for name, tensor in state.items()}
