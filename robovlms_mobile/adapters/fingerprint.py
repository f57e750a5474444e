"""Tell one base model from another by a sample of its weights: from memory, or from its files without loading them.

The string depends on names, shapes and sampled values alone: not on the path, the sharding or the precision of the
files, as long as the model was loaded in that precision or a higher one.
"""

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
        from robovlms_mobile.adapters.base_names import all_stored_names

        stored = all_stored_names(folder, files, names)
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
    if (folder / SINGLE).is_file() and not (folder / INDEX).is_file():
        with open_weights(folder / SINGLE) as file:
            return dict.fromkeys(file.keys(), folder / SINGLE)
    from robovlms_mobile.adapters.other_weights import indexed

    return indexed(folder)


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
