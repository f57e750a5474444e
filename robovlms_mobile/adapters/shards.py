"""Write safetensors shards one tensor at a time: memory holds a single tensor, however large the model is."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from robovlms_mobile.adapters.fingerprint import INDEX, SINGLE
from robovlms_mobile.errors import ModelError

SHARD_BYTES = 10**9
ITEM_BYTES = {
    **{"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2},
    **{"I8": 1, "U8": 1, "BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1},
}


@dataclass(frozen=True)
class Planned:
    """A tensor to be written: its name, safetensors' name of its type, its shape."""

    name: str
    dtype: str
    shape: tuple

    @property
    def bytes(self) -> int:
        if self.dtype not in ITEM_BYTES:
            raise ModelError(f"{self.name} is of type {self.dtype}, which is not written here.")
        return math.prod(self.shape) * ITEM_BYTES[self.dtype]


def write_shards(
    folder: Path, planned: list[Planned], make: Callable[[Planned], torch.Tensor], shard_bytes: int = SHARD_BYTES
) -> None:
    """Write `model.safetensors`, or shards of about `shard_bytes` with their index.

    Args:
        planned: list of `Planned`.
        make: called with each of them, in order; returns its tensor.
    """
    shards = _grouped(planned, shard_bytes)
    names = [f"model-{number:05d}-of-{len(shards):05d}.safetensors" for number in range(1, len(shards) + 1)]
    if len(shards) == 1:
        names = [SINGLE]
    for name, group in zip(names, shards, strict=True):
        _write_file(folder / name, group, make)
    if len(shards) > 1:
        index = {
            "metadata": {"total_size": sum(each.bytes for each in planned)},
            "weight_map": {each.name: name for name, group in zip(names, shards, strict=True) for each in group},
        }
        (folder / INDEX).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def _grouped(planned, shard_bytes):
    groups, size = [[]], 0
    for each in planned:
        if groups[-1] and size + each.bytes > shard_bytes:
            groups.append([])
            size = 0
        groups[-1].append(each)
        size += each.bytes
    return groups


def _write_file(path, planned, make):
    """The format: length of the header in 8 bytes, the header as JSON, then every tensor's bytes in order."""
    header, end = {"__metadata__": {"format": "pt"}}, 0
    for each in planned:
        header[each.name] = {"dtype": each.dtype, "shape": each.shape, "data_offsets": [end, end + each.bytes]}
        end += each.bytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for each in planned:
            tensor = make(each)
            if tuple(tensor.shape) != tuple(each.shape):
                raise ModelError(f"{each.name} has the shape {tuple(tensor.shape)}, expected {each.shape}.")
            file.write(tensor.contiguous().reshape(-1).view(torch.uint8).numpy())
