"""Golden frames: a few pictures as a camera took them, and what the policy said to them. Lie beside the adapters.

golden.safetensors has the pictures as PNG and every value on their way to velocities; golden.json says which episode
they are from, and what the folder was like when they were written.
"""

import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from robovlms_mobile.adapters.fingerprint import weight_files
from robovlms_mobile.adapters.merge import whole_fingerprint
from robovlms_mobile.adapters.reading import Adapters
from robovlms_mobile.errors import CheckpointError, ModelError
from robovlms_mobile.files import read_json, replace_file

TENSORS, PAPER = "golden.safetensors", "golden.json"
VALUES = ("planes", "pixels", "ids", "predicted", "actions")


@dataclass(frozen=True)
class Golden:
    """What a folder's golden files hold.

    Attributes:
        pictures: F pictures, (H, W, 3) uint8 RGB, the first frames of an episode in order.
        values: "planes" (F, 3, S, S) uint8, the pictures resized; "pixels" (F, 3, S, S) float16, normalised, as the
            vision tower got them; "ids" (L,), the prompt's tokens; "predicted" (F, N, 6) in [-1, 1], the head's; and
            "actions" (F, N, D) float32 in m/s and rad/s.
        about: "episode", "instruction", "prompt" (the text that was tokenised), "versions", "device",
            "from_training": how far training's own predictions were off, m/s, None where they are not known.
        folder: what the folder was like, see `state_of`.
    """

    pictures: list[np.ndarray]
    values: dict[str, Tensor]
    about: dict
    folder: dict


def has_golden(folder: str | Path) -> bool:
    """True where a folder has golden frames."""
    return (Path(folder) / PAPER).is_file()


def read_golden(folder: str | Path) -> Golden:
    """Read a folder's golden frames.

    Raises:
        CheckpointError: there are none, or they were changed since they were written.
    """
    folder = Path(folder)
    if not has_golden(folder):
        raise CheckpointError(
            f"{folder} has no golden frames, so nothing can be proved of it.",
            "Write them where its run and its episodes are: robovlms-mobile verify ADAPTERS --write.",
        )
    paper = read_json(folder / PAPER)
    try:
        if paper["sha256"] != _digest(folder / TENSORS, paper):
            raise ValueError("another content than when they were written")
        tensors = load_file(folder / TENSORS)
        values = {name: tensors[name] for name in VALUES}
        names = sorted(name for name in tensors if name.startswith("picture_"))
        pictures = [_decoded(tensors[name]) for name in names]
        return Golden(pictures, values, paper["about"], paper["folder"])
    except (OSError, ValueError, LookupError, TypeError, SafetensorError) as error:
        raise CheckpointError(
            f"golden frames: {folder}/{PAPER} or {TENSORS} were edited or damaged ({str(error)[:120]}).",
            "Copy the folder again from where it was written, or write them anew: verify ADAPTERS --write.",
        ) from error


def write_golden(folder: str | Path, golden: Golden) -> int:
    """Put golden frames beside adapters; returns their bytes."""
    folder = Path(folder)
    pictures = {f"picture_{number:02d}": _encoded(each) for number, each in enumerate(golden.pictures)}
    with replace_file(folder / TENSORS) as temporary:
        save_file({**pictures, **{name: each.contiguous() for name, each in golden.values.items()}}, temporary)
    paper = {"about": golden.about, "folder": golden.folder}
    with replace_file(folder / PAPER) as temporary:
        text = json.dumps({**paper, "sha256": _digest(folder / TENSORS, paper)}, indent=1, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8")
    return sum((folder / name).stat().st_size for name in (TENSORS, PAPER))


def state_of(adapters: Adapters, base: str | Path | None) -> dict:
    """Return what a folder is like, to be compared later.

    Args:
        adapters: what it holds.
        base: the base model's folder; None, or one without safetensors, is not looked at.

    Returns:
        "contract" and "options" as the files have them, "tensors": name in upstream's state dict → sha256, 16 digits,
        and "base": the fingerprint of all the base model's weights.
    """
    tensors = {name: _sha(each) for name, each in sorted(adapters.state.items())}
    try:
        whole = whole_fingerprint(base) if base is not None and weight_files(base) else None
    except ModelError:  # a pickle, or a name on the hub
        whole = None
    return {"contract": adapters.contract, "options": adapters.config, "tensors": tensors, "base": whole}


def _sha(tensor):
    return hashlib.sha256(tensor.contiguous().view(torch.uint8).numpy()).hexdigest()[:16]


def _digest(path, paper):
    digest = hashlib.sha256(path.read_bytes())
    digest.update(json.dumps({"about": paper["about"], "folder": paper["folder"]}, sort_keys=True).encode())
    return digest.hexdigest()


def _encoded(picture):
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return torch.frombuffer(bytearray(buffer.getvalue()), dtype=torch.uint8)


def _decoded(tensor):
    return np.asarray(Image.open(io.BytesIO(tensor.numpy().tobytes()), formats=["PNG"]).convert("RGB"))
