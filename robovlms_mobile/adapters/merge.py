"""Merge LoRA into a base model's files, tensor by tensor, and carry the rest of its folder along."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch

from robovlms_mobile.adapters.base_names import stored_names
from robovlms_mobile.adapters.fingerprint import open_weights, stored_fingerprint, weight_files
from robovlms_mobile.adapters.reading import BACKBONE, Adapters, state_name
from robovlms_mobile.adapters.shards import SHARD_BYTES, Planned, write_shards
from robovlms_mobile.errors import CheckpointError, ModelError
from robovlms_mobile.model.precision import STORED, TORCH, converted

WEIGHTS = (".safetensors", ".index.json", ".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".onnx", ".gguf")
NOT_OF_THE_BASE = ("README.md", "adapter_config.json", "contract.json", "metrics.json")
DTYPE_KEYS = ("torch_dtype", "dtype")  # transformers 4's, transformers 5's


@dataclass(frozen=True)
class Merge:
    """What is merged into what.

    Attributes:
        files: name of a base weight → its file.
        pairs: name of an adapted weight → its A (r, in) and B (out, r).
        replaced: name of a base weight → tensor that was trained in its place (embeddings, vision tower, biases).
        scale: α / r.
        transposed: weights are stored (in, out); decides for square ones only.
        dtype: of the result, safetensors' name; None keeps each tensor's own.
    """

    files: dict[str, Path]
    pairs: dict[str, tuple[torch.Tensor, torch.Tensor]]
    replaced: dict[str, torch.Tensor]
    scale: float
    transposed: bool
    dtype: str | None

    @classmethod
    def of(cls, base: str | Path, adapters: Adapters, dtype: str | None = None) -> "Merge":
        """Plan merging `adapters` into the model in folder `base`; `dtype` is fp32, fp16, bf16 or None.

        Raises:
            ModelError: the base lacks weights that were trained; names them.
        """
        files, pairs, replaced = weight_files(base), adapted_pairs(adapters), trained_weights(adapters)
        stored = stored_names(base, files, [*pairs, *replaced])
        merge = cls(
            files=files,
            pairs={stored.get(name, name): pair for name, pair in pairs.items()},
            replaced={stored.get(name, name): tensor for name, tensor in replaced.items()},
            scale=adapters.config["lora_alpha"] / adapters.config["r"],
            transposed=adapters.config.get("fan_in_fan_out", False),
            dtype=STORED.get(dtype) if dtype else None,
        )
        missing = sorted(merge.pairs.keys() - files.keys()) + merge._lost()
        if missing:
            raise ModelError(f"{base} lacks {len(missing)} weights that were trained: {', '.join(missing)}.")
        return merge

    def planned(self) -> list[Planned]:
        """Return every tensor of the merged model as `Planned`, in the order of the base's files."""
        return [
            Planned(name, self._stored_type(name, dtype), shape)
            for path, names in _by_file(self.files).items()
            for name, dtype, shape in _described(path, names)
        ]

    def make(self, planned: Planned) -> torch.Tensor:
        """Return a merged tensor in its final precision."""
        name = planned.name
        tensor = self.replaced[name] if name in self.replaced else _read(self.files[name], name)
        if name in self.pairs:
            tensor = add_product(tensor, *self.pairs[name], self.scale, self.transposed)
        return converted(name, tensor, planned.dtype) if planned.dtype in TORCH else tensor

    def _stored_type(self, name, dtype):
        if dtype not in TORCH and (name in self.pairs or name in self.replaced):
            raise ModelError(
                f"{name} is stored as {dtype}: adapters merge into fp32, fp16 or bf16 weights only. "
                "Name an unquantised copy of the base model with --base."
            )
        return self.dtype if self.dtype and dtype in TORCH else dtype

    def _lost(self):
        """Trained tensors without a place in the files, but for the twins that tied weights have."""
        places = [tensor for name, tensor in self.replaced.items() if name in self.files]
        return sorted(
            name
            for name, tensor in self.replaced.items()
            if name not in self.files and not any(torch.equal(tensor, place) for place in places)
        )


def whole_fingerprint(folder: str | Path) -> str:
    """Return the fingerprint of all weights that a model's folder holds; reads a sample of each."""
    return stored_fingerprint(folder, list(weight_files(folder)))


def add_product(weight: torch.Tensor, a: torch.Tensor, b: torch.Tensor, scale: float, transposed: bool) -> torch.Tensor:
    """Return W + scale · B·A in float32.

    Args:
        weight: (out, in), or (in, out) as transformers' Conv1D stores it.
        a, b: (r, in) and (out, r).
        transposed: which of the two a square weight is.

    Raises:
        ModelError: the shapes do not belong together.
    """
    a, b = a.float(), b.float()
    shape = (b.shape[0], a.shape[1])
    if tuple(weight.shape) == shape and not (transposed and shape[0] == shape[1]):
        return torch.addmm(weight.float(), b, a, alpha=scale)
    if tuple(weight.shape) == shape[::-1]:
        return torch.addmm(weight.float(), a.t(), b.t(), alpha=scale)
    raise ModelError(f"A base weight is {tuple(weight.shape)}, its adapters are for {shape}: not the same base model.")


def adapted_pairs(adapters: Adapters) -> dict[str, tuple]:
    """Return the weights that LoRA adapts: name in the loaded model → its A (r, in) and B (out, r)."""
    return {f"{layer}.weight": pair for layer, pair in adapters.pairs.items()}


def trained_weights(adapters: Adapters) -> dict[str, torch.Tensor]:
    """Return the base model's own weights that were trained beside LoRA: name in the loaded model → tensor."""
    state = {name: tensor for name, tensor in adapters.state.items() if name.startswith(BACKBONE)}
    lora = {state_name(name) for name in adapters.lora if ".lora_" in name}
    return {
        name.removeprefix(BACKBONE).replace(".base_layer.", "."): tensor
        for name, tensor in state.items()
        if name not in lora
    }


def write_merged(folder: Path, base: str | Path, merge: Merge, shard_bytes: int = SHARD_BYTES) -> None:
    """Write the merged model: its shards, and every file at the top of the base's folder that holds no weights.

    Raises:
        CheckpointError: the disk has not enough room, or a value does not fit the precision.
        ModelError: a link in the base's folder leads out of it.
    """
    planned = merge.planned()
    needed, free = sum(each.bytes for each in planned), shutil.disk_usage(folder).free
    if needed > free:
        raise CheckpointError(
            f"The merged model needs {needed / 1e9:.2f} GB, {Path(folder).parent} has {free / 1e9:.2f} GB free."
        )
    for path in _companions(Path(base)):
        shutil.copyfile(path, folder / path.name)
    if merge.dtype:
        _set_dtype(folder / "config.json", str(TORCH[merge.dtype]).removeprefix("torch."))
    write_shards(folder, planned, merge.make, shard_bytes)


def _companions(base):
    """Config, tokenizer, processor, licence: what is not weights. A link may lead into Hugging Face's blobs only."""
    inside = (base.resolve(), base.resolve().parent.parent / "blobs")
    paths = [
        path
        for path in sorted(base.iterdir())
        if path.is_file() and not path.name.endswith(WEIGHTS) and path.name not in NOT_OF_THE_BASE
    ]
    outside = [path.name for path in paths if path.resolve().parent not in inside]
    if outside:
        raise ModelError(f"{base} has links that lead out of it: {', '.join(outside)}. Put the files there instead.")
    return paths


def _set_dtype(path, dtype):
    config = json.loads(path.read_text(encoding="utf-8"))
    for block in (config, *(value for value in config.values() if isinstance(value, dict))):
        block.update({key: dtype for key in DTYPE_KEYS if isinstance(block.get(key), str)})
    path.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _by_file(files):
    grouped = {}
    for name, path in files.items():
        grouped.setdefault(path, []).append(name)
    return grouped


def _described(path, names):
    with open_weights(path) as file:
        slices = [(name, file.get_slice(name)) for name in names]
        return [(name, each.get_dtype(), tuple(each.get_shape())) for name, each in slices]


def _read(path, name):
    """Opened anew for each tensor: a file that stays open keeps what was read of it in memory."""
    with open_weights(path) as file:
        return file.get_tensor(name)
