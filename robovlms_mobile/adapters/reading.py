"""Read an adapter folder nobody vouches for: everything is checked before anything is handed on.

Only JSON and safetensors are read, never a pickle. What does not belong there is an error that names it, not a guess.
"""

import json
import stat
from dataclasses import dataclass
from pathlib import Path

from torch.nn import Module

from robovlms_mobile.adapters.allowed_options import option_faults
from robovlms_mobile.adapters.fingerprint import BYTES, adapted_weights, fingerprint, stored_fingerprint
from robovlms_mobile.adapters.loading import misfits
from robovlms_mobile.adapters.tensors import lora_faults, policy_faults, read_header, read_tensors
from robovlms_mobile.errors import CheckpointError
from robovlms_mobile.model.lora import ADAPTER, PREFIX

CONFIG, CONTRACT, METRICS = "adapter_config.json", "contract.json", "metrics.json"
LORA, POLICY = "adapter_model.safetensors", "policy.safetensors"
FILES = (POLICY, CONTRACT, METRICS)  # in each folder; CONFIG and LORA in that of a run with LoRA
MAX_JSON = 1_000_000  # bytes; ours have a few thousand
BACKBONE = "model.backbone."  # where upstream's module keeps the base model
FINGERPRINT = "base_fingerprint"


@dataclass(frozen=True)
class Adapters:
    """What an adapter folder holds.

    Attributes:
        config: adapter_config.json, PEFT's options; {} of a run without LoRA.
        contract, metrics: the JSON files of these names.
        lora: name in adapter_model.safetensors → tensor; {} of a run without LoRA.
        policy: every other trained tensor: name in upstream's state dict → tensor.
    """

    folder: Path
    config: dict
    contract: dict
    metrics: dict
    lora: dict
    policy: dict

    @property
    def pairs(self) -> dict:
        """Name of an adapted layer in the base model → its A (r, in) and B (out, r)."""
        layers = [name.removesuffix(".lora_A.weight") for name in self.lora if name.endswith(".lora_A.weight")]
        return {
            layer.removeprefix(PREFIX): tuple(self.lora[f"{layer}.lora_{side}.weight"] for side in "AB")
            for layer in layers
        }

    @property
    def weights(self) -> list[str]:
        """Names of the base model's weights that the adapters change, sorted."""
        return sorted(f"{layer}.weight" for layer in self.pairs)

    @property
    def state(self) -> dict:
        """All tensors under their names in upstream's state dict, as a .ckpt holds them."""
        return {**{state_name(name): tensor for name, tensor in self.lora.items()}, **self.policy}


def read_adapters(folder: str | Path, module: Module | None = None) -> Adapters:
    """Read and check an adapter folder.

    Args:
        module: upstream's LightningModule, with LoRA in it where the folder has adapters; names and shapes are compared
            with it before any tensor is read.

    Returns:
        Adapters: tensors on the CPU, in the precision of the files.

    Raises:
        CheckpointError: a link or something that is no file, a missing file, damaged or oversized JSON, an option that
            this package never writes, a tensor of an unexpected name, shape or type, or with values that are not
            finite, or one that does not fit `module`; names all of them.
    """
    folder = Path(folder)
    _refuse(folder, _file_faults(folder))
    texts, faults = _read_texts(folder)
    config = texts.get(CONFIG, {})
    _refuse(folder, faults or (option_faults(config) if CONFIG in texts else []) + _contract_faults(texts[CONTRACT]))
    headers, faults = _read_headers(folder)
    in_lora = lora_faults(headers[LORA], config) if not faults and LORA in headers else []
    _refuse(folder, faults or in_lora + policy_faults(headers[POLICY]))
    if module is not None:
        shapes = {state_name(name): shape for header in headers.values() for name, (_, shape) in header.items()}
        _refuse(folder, misfits(module, shapes))
    tensors = {name: read_tensors(folder / name) for name in headers}
    _refuse(folder, [f"{name}: {fault}" for name, (_, fault) in tensors.items() if fault])
    return Adapters(
        folder=folder,
        config=config,
        contract=texts[CONTRACT],
        metrics=texts[METRICS],
        lora=tensors[LORA][0] if LORA in tensors else {},
        policy=tensors[POLICY][0],
    )


def check_base(adapters: Adapters, base: str | Path | Module) -> bool:
    """Compare the base model at hand with the one the adapters were trained on.

    Args:
        base: its folder, or a model that `add_lora` was called on.

    Returns:
        bool: False where the contract has no fingerprint (older folders, runs without LoRA), True where it agrees.

    Raises:
        CheckpointError: another base model.
        ModelError: the folder cannot be read, or lacks weights that the adapters change.
    """
    expected, names = adapters.contract.get(FINGERPRINT), adapters.weights
    if isinstance(base, (str, Path)):
        seen, place = stored_fingerprint(base, names), str(base)
    else:
        wanted = set(names)
        seen = fingerprint((name, tensor) for name, tensor in adapted_weights(base) if name in wanted)
        place = "the loaded model"
    if expected is not None and seen != expected:
        raise CheckpointError(
            f"{adapters.folder} was trained on another base model: {CONTRACT} has {FINGERPRINT} {expected}, {place} "
            f"has {seen}. Use the base model of that run ({adapters.contract.get('base_model')})."
        )
    return expected is not None


def state_name(name: str) -> str:
    """Name of a tensor in an adapter file → its name in upstream's state dict; others stay as they are."""
    if not name.startswith(PREFIX):
        return name
    for side in "AB":
        name = name.replace(f".lora_{side}.weight", f".lora_{side}.{ADAPTER}.weight")
    return BACKBONE + name.removeprefix(PREFIX)


def _refuse(folder, faults):
    if faults:
        raise CheckpointError(
            f"The adapters in {folder} are not used. {'; '.join(faults)}. Nothing was changed. "
            "Copy the folder again from the run that wrote it, or name another."
        )


def _file_faults(folder):
    if folder.is_symlink():
        return ["The folder is a symbolic link"]
    if not folder.is_dir():
        return ["There is no such folder"]
    found = {path.name: path.lstat().st_mode for path in folder.iterdir()}
    links = sorted(name for name, mode in found.items() if stat.S_ISLNK(mode))
    others = sorted(name for name, mode in found.items() if not stat.S_ISLNK(mode) and not stat.S_ISREG(mode))
    both = (CONFIG, LORA) if CONFIG in found or LORA in found else ()
    missing = [name for name in (*FILES, *both) if name not in found]
    kinds = (("symbolic links", links), ("not regular files", others), ("missing files", missing))
    return [f"{kind}: {', '.join(map(repr, names))}" for kind, names in kinds if names]


def _read_texts(folder):
    """Return the contents of the JSON files that are there, by name, and what is wrong with them."""
    texts, faults = {}, []
    for name in (CONFIG, CONTRACT, METRICS):
        if name == CONFIG and not (folder / CONFIG).exists():
            continue
        try:
            texts[name] = _read_json(folder / name)
        except (ValueError, RecursionError) as error:
            faults.append(f"{name}: {error}")
    return texts, faults


def _read_json(path):
    size = path.stat().st_size
    if size > MAX_JSON:
        raise ValueError(f"{size} bytes, expected at most {MAX_JSON}")
    value = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_constant)
    if not isinstance(value, dict):
        raise ValueError(f"expected an object, is a {type(value).__name__}")
    return value


def _no_constant(name):
    raise ValueError(f"{name} is not JSON")


def _contract_faults(contract):
    value = contract.get(FINGERPRINT)
    if value is None or (isinstance(value, str) and len(value) == 2 * BYTES and value.isalnum()):
        return []
    return [f"{CONTRACT}: {FINGERPRINT} is {repr(value)[:80]}, expected {2 * BYTES} hexadecimal digits"]


def _read_headers(folder):
    """Return names, types and shapes in the tensor files, by file, and what is wrong with the files."""
    headers, faults = {}, []
    for name in (LORA, POLICY) if (folder / LORA).exists() else (POLICY,):
        try:
            headers[name] = read_header(folder / name)
        except ValueError as error:
            faults.append(f"{name}: {error}")
    return headers, faults
