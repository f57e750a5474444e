"""Base models whose weights are not in one model.safetensors: in shards with an index, in a pickle, or nowhere."""

import json
from pathlib import Path

from robovlms_mobile.adapters.fingerprint import INDEX, SINGLE
from robovlms_mobile.errors import ModelError


def indexed(folder: Path) -> dict[str, Path]:
    """Return where the weights of a folder are: dict of tensor name → path of a shard.

    Raises:
        ModelError: no index, a broken one, or one that names files which are not in the folder.
    """
    if not (folder / INDEX).is_file():
        raise _none(folder)
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


def _none(folder):
    if any(folder.glob("pytorch_model*.bin*")):
        return ModelError(
            f"{folder} holds its weights in pytorch_model.bin, a pickle that can run code, which is not read here.",
            "Take the model's safetensors (hf download MODEL --local-dir DIR --include '*.safetensors'), or load it "
            "once with transformers and save_pretrained(DIR).",
        )
    return ModelError(
        f"{folder} is no folder of a base model: expected {SINGLE} or {INDEX}.",
        "Get one with: hf download MODEL --local-dir DIR",
    )
