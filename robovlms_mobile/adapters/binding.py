"""One sha256 that binds an adapter folder's contract to its tensors: whoever has it knows which policy drives."""

import hashlib
import json
from pathlib import Path

import numpy as np

BOUND = ("policy.safetensors", "adapter_model.safetensors", "adapter_config.json")


def contract_hash(folder: str | Path, contract: dict) -> str:
    """Return the hash of a contract and of the files beside it, 64 hexadecimal digits.

    It covers every value of the contract but "hash" itself (so the fingerprint of the base model, a sample of its
    weights, too, and of a merged folder that of all its weights), and every byte of the head, the action token and
    what else was trained (policy.safetensors), of the adapters and of their options. Not covered: metrics.json, the
    model card, the golden frames, and what of the base model its fingerprint does not sample.
    """
    digest = hashlib.sha256(json.dumps({**contract, "hash": None}, sort_keys=True).encode())
    for path in (Path(folder) / name for name in BOUND):
        if path.is_file():
            digest.update(path.name.encode())
            digest.update(np.memmap(path, mode="r").data)
    return digest.hexdigest()


def bind(folder: str | Path) -> None:
    """Put the hash into the contract.json of a folder that is whole, but not in its place yet."""
    path = Path(folder) / "contract.json"
    told = json.loads(path.read_text("utf-8"))
    told["hash"] = contract_hash(folder, told)
    path.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", "utf-8")
