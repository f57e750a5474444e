"""Tensor files of an adapter folder: what names, shapes, types and values they may have."""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from robovlms_mobile.model.lora import PREFIX

MAX_HEADER = 4_000_000  # bytes; ours have some ten thousand
MAX_BYTES = 16 * 10**9  # of a file; a whole Kosmos-2, had all of it been trained, has 6.6
MAX_SIDE = 2**18  # rows or columns of a layer; the largest vocabularies have as many
TYPES = ("F32", "F16", "BF16")
LORA_NAME = re.compile(re.escape(PREFIX) + r"([\w.-]+)\.lora_([AB])\.weight")
BIAS_NAME = re.compile(re.escape(PREFIX) + r"[\w.-]+\.bias")
POLICY_NAME = re.compile(r"model\.[\w.-]+")
SHOWN = 50  # names in one message; a hostile file may have a million


def read_header(path: Path) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return what a safetensors file says it holds: dict of name → (type, shape as a tuple). Reads no tensor.

    Raises:
        ValueError: damaged, or a header larger than any of ours.
    """
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
    if length > MAX_HEADER:
        raise ValueError(f"its header claims {length} bytes, expected at most {MAX_HEADER}")
    size = os.path.getsize(path)
    if size > MAX_BYTES:
        raise ValueError(f"{size} bytes, expected at most {MAX_BYTES}")
    try:
        with safe_open(path, "pt") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - not a dict
            return {name: (each.get_dtype(), tuple(each.get_shape())) for name, each in slices.items()}
    except (SafetensorError, OSError) as error:
        raise ValueError(f"damaged ({error})") from error


def read_tensors(path: Path) -> tuple[dict[str, torch.Tensor], str | None]:
    """Return the tensors of a file as a dict, and what is wrong with their values in words, None if nothing is."""
    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    return tensors, value_fault(tensors)


def value_fault(tensors: dict[str, torch.Tensor]) -> str | None:
    """Name the tensors with NaN or infinite values, in words; None when there are none."""
    wrong = sorted(name for name, tensor in tensors.items() if not torch.isfinite(tensor).all())
    return f"NaN or infinite values in {listed(wrong)}" if wrong else None


def lora_faults(header: dict[str, tuple[str, tuple[int, ...]]], config: dict[str, Any]) -> list[str]:
    """Return what is wrong with the adapters' names, types and shapes, in words.

    Args:
        header: from `read_header`.
        config: adapter_config.json, checked.
    """
    sides = {name: LORA_NAME.fullmatch(name) for name in header}
    layers = {side: {match[1] for match in sides.values() if match and match[2] == side} for side in "AB"}
    single = [f"{name}.lora_{side}" for side, other in ("AB", "BA") for name in sorted(layers[side] - layers[other])]
    unmatched = sorted(layers["A"] - set(filter(re.compile(config["target_modules"]).fullmatch, layers["A"])))
    unexpected = sorted(name for name, match in sides.items() if not match and not _is_bias(name, config))
    ranks = {"A": 0, "B": 1}  # the dim of size r
    shapes = [
        f"{name} {shape}"
        for name, (_, shape) in header.items()
        if (match := sides[name]) and not _is_factor(shape, ranks[match[2]], config["r"])
    ]
    kinds = (
        ("tensors without their partner", single),
        ("layers outside target_modules", unmatched),
        ("unexpected tensors", unexpected),
        (f"tensors of another shape than A (r, in), B (out, r) with r = {config['r']}", shapes),
        (f"tensors of another type than {', '.join(TYPES)}", _of_other_type(header)),
    )
    empty = [] if layers["A"] else ["no adapters in it"]
    return [f"adapter_model.safetensors: {fault}" for fault in empty + faults_of(kinds)]


def policy_faults(header: dict[str, tuple[str, tuple[int, ...]]]) -> list[str]:
    """Return what is wrong with the names and types of the other trained tensors, in words."""
    unexpected = sorted(name for name in header if not POLICY_NAME.fullmatch(name) or ".lora_" in name)
    kinds = (
        ("unexpected tensors", unexpected),
        (f"tensors of another type than {', '.join(TYPES)}", _of_other_type(header)),
    )
    return [f"policy.safetensors: {fault}" for fault in faults_of(kinds)]


def faults_of(kinds: Iterable[tuple[str, list[str]]], shown: int = SHOWN) -> list[str]:
    """Return one sentence for each (what, names) that has names; so many of them `shown`."""
    return [f"{len(names)} {what}: {listed(names, shown)}" for what, names in kinds if names]


def listed(names: list[str], shown: int = SHOWN) -> str:
    """Join names for a message, quoted, and cut short where there are more than `shown`."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(repr(name) for name in names[:shown]) + more


def _is_bias(name, config):
    return config["bias"] != "none" and BIAS_NAME.fullmatch(name) is not None


def _is_factor(shape, dim, rank):
    return len(shape) == 2 and shape[dim] == rank and 1 <= shape[1 - dim] <= MAX_SIDE


def _of_other_type(header):
    return sorted(f"{name} ({dtype})" for name, (dtype, _) in header.items() if dtype not in TYPES)
