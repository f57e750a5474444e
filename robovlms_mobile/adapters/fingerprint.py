"""Tell one base model from another by a sample of its weights: from memory, or from its files without loading them.

The string depends on names, shapes and sampled values alone: not on the path, the sharding or the precision of the
files, as long as the model was loaded in that precision or a higher one.
"""

import json
from collections.abc import Collection, Iterable
from contextlib import ExitStack
from hashlib import blake2b
from pathlib import Path
from typing import Any

from robovlms_mobile.errors import ModelError

BYTES = 16
SAMPLES = 64  # values a row at most
SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
BASE_LAYER = ".base_layer.weight"  # where LoRA keeps the weight it was put on


def fingerprint(weights: Iterable[tuple]) -> str:
    """Return the fingerprint of some weights: 32 hexadecimal digits.

    Args:
        weights: iterable of (name, tensor), 1-D or 2-D, on any device, in any order. Of each, the first, the middle
            and the last row count, as float32, at most 64 evenly spaced values of a row.
    """
    return _digest((name, tensor.shape, tensor.detach()) for name, tensor in weights)


def adapted_weights(model: Any) -> list[tuple]:
    """Return the base weights under the LoRA adapters of `model`: list of (name without `.base_layer`, tensor)."""
    return [
        (name.removesuffix(BASE_LAYER) + ".weight", parameter)
        for name, parameter in model.named_parameters(remove_duplicate=False)
        if name.endswith(BASE_LAYER)
    ]


def stored_fingerprint(folder: str | Path, names: Collection[str]) -> str:
    """Return the fingerprint of weights as a base model's folder holds them; reads the sampled rows only.

    Args:
        folder: holds model.safetensors, or shards with their index.
        names: of the weights, as in the loaded model.

    Raises:
        ModelError: no readable safetensors there, or tensors that the files lack; names them.
    """
    files = weight_files(folder)
    stored = {name: name for name in names if name in files}
    if len(stored) < len(set(names)):
        from robovlms_mobile.adapters.base_names import stored_names

        stored = stored_names(folder, files, names)
    missing = sorted(set(names) - stored.keys())
    if missing:
        raise ModelError(
            f"{folder} lacks {len(missing)} of the {len(set(names))} weights asked for: {', '.join(missing)}. "
            "It is another model than the adapters were made for; name the right folder with --base."
        )
    with ExitStack() as stack:
        handles = {path: stack.enter_context(open_weights(path)) for path in {files[each] for each in stored.values()}}
        slices = {name: handles[files[each]].get_slice(each) for name, each in stored.items()}
        return _digest((name, each.get_shape(), each) for name, each in slices.items())


def weight_files(folder: str | Path) -> dict[str, Path]:
    """Return where a base model's folder holds its weights: dict of tensor name → path of a safetensors file.

    Raises:
        ModelError: no such folder, no safetensors in it, or a broken index.
    """
    folder = Path(folder)
    if (folder / INDEX).is_file():
        return _indexed(folder)
    if (folder / SINGLE).is_file():
        with open_weights(folder / SINGLE) as file:
            return dict.fromkeys(file.keys(), folder / SINGLE)
    if any(folder.glob("pytorch_model*.bin*")):
        raise ModelError(
            f"{folder} holds its weights in pytorch_model.bin, a pickle that can run code, which is not read here.",
            "Take the model's safetensors (hf download MODEL --local-dir DIR --include '*.safetensors'), or load it "
            "once with transformers and save_pretrained(DIR).",
        )
    raise ModelError(
        f"{folder} is no folder of a base model: expected {SINGLE} or {INDEX}.",
        "Get one with: hf download MODEL --local-dir DIR",
    )


def _indexed(folder):
    try:
        shards = json.loads((folder / INDEX).read_text(encoding="utf-8"))["weight_map"]
        wrong = sorted({repr(file) for file in shards.values() if not _is_shard(folder, file)})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{folder / INDEX} is damaged ({error!r}).", "Download the base model again.") from error
    if wrong:
        raise ModelError(f"{folder / INDEX} names files that are not in its folder: {', '.join(wrong)}.")
    return {name: folder / file for name, file in shards.items()}


def _is_shard(folder, file):
    return Path(file).name == file and file.endswith(".safetensors") and (folder / file).is_file()


def open_weights(path: str | Path) -> Any:
    """Open a base model's safetensors file for reading by name. Raises ModelError for a damaged one."""
    from safetensors import SafetensorError, safe_open

    try:
        return safe_open(path, "pt")
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} cannot be read ({error}).", "Download the base model again.") from error


def _digest(weights):
    digest = blake2b(digest_size=BYTES)
    for name, shape, values in sorted(weights, key=lambda weight: weight[0]):
        digest.update(f"{name} {list(shape)}\n".encode())
        for row in _sampled_rows(shape):
            sample = values[row].flatten()  # (row length,)
            stride = max(1, -(-len(sample) // SAMPLES))
            digest.update(sample[::stride].float().cpu().numpy().astype("<f4").tobytes())
    return digest.hexdigest()


def _sampled_rows(shape):
    if len(shape) == 1:
        return [slice(0, shape[0])]
    return [slice(row, row + 1) for row in (0, shape[0] // 2, shape[0] - 1)]
