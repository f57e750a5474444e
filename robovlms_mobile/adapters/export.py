"""Write a run's adapters to a folder of their own, merged into the base model or not; whole or not at all."""

import json
import shutil
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file

from robovlms_mobile.adapters.base_names import model_class
from robovlms_mobile.adapters.binding import bind
from robovlms_mobile.adapters.merge import Merge, whole_fingerprint, write_merged
from robovlms_mobile.adapters.proof import compare
from robovlms_mobile.adapters.reading import (
    BACKBONE,
    CONFIG,
    CONTRACT,
    LORA,
    METRICS,
    POLICY,
    check_base,
    read_adapters,
)
from robovlms_mobile.adapters.shards import SHARD_BYTES
from robovlms_mobile.errors import CheckpointError, ModelError
from robovlms_mobile.files import replace_folder
from robovlms_mobile.model.precision import STORED, TORCH, on_disk

CARD = "README.md"
# Largest difference of the outputs, relative to the largest output, that rounding explains: ten times and more of what
# was measured. fp32 differs by the order of additions (6e-7 on a tiny Kosmos-2, 2e-7 on one of the real size, random
# weights), fp16 keeps 11 bits of a weight (6e-4, 2e-4), bf16 8 of them (5e-3, 1.4e-3).
TOLERANCE = {"fp32": 1e-4, "fp16": 1e-2, "bf16": 5e-2}
SHARE = 0.5  # of what the adapters change: a merge that forgot them differs by all of it
NOISE = 1e-5  # below this nothing is asked about the share: the adapters change nothing either


@dataclass(frozen=True)
class Export:
    """What was written.

    Attributes:
        dtype: the coarsest precision in it: fp32, fp16 or bf16.
        probe: of a merge: difference, effect, reached, adapted (see `Probe`) and tolerance; else None.
    """

    to: str
    merged: bool
    dtype: str
    bytes: int
    probe: dict | None

    def to_json(self) -> dict:
        """Return the export as a dict of primitives."""
        return asdict(self)


def export(
    run: str | Path,
    to: str | Path,
    *,
    which: str | None = None,
    base: str | Path | None = None,
    merge: bool = False,
    dtype: str | None = None,
    force: bool = False,
    shard_bytes: int = SHARD_BYTES,
) -> Export:
    """Export adapters.

    Args:
        run: a run's folder, or an adapter folder.
        to: folder to write; must be absent or empty, but for an earlier export with `force`.
        which: the run's best (default), last, epoch-0010, …
        base: folder of the base model; default: the one in adapter_config.json.
        merge: write the whole base model with the adapters merged in, and prove that it computes the same.
        dtype: fp32, fp16 or bf16; None keeps the precision of the files.
        shard_bytes: size of the merged model's files at most, a larger tensor has one of its own.

    Returns:
        Export.

    Raises:
        CheckpointError: the adapters are unfit, belong to another base model, `to` cannot be written, or the merged
            model computes something else. Nothing is left at `to` then, or what was there.
        ModelError: the base model cannot be read.
    """
    adapters = read_adapters(adapter_folder(run, which))
    if merge and not adapters.lora:
        raise CheckpointError(
            f"{adapters.folder} has no LoRA adapters to merge: its run trained without LoRA, and policy.safetensors "
            "holds all that it trained. Export it without --merge."
        )
    base = Path(base or adapters.config.get("base_model_name_or_path") or "") if merge or base else None
    if base:
        _check_base_folder(base)
        check_base(adapters, base)
    _check_target(Path(to), [adapters.folder] + ([base] if base else []), force)
    with _readable_errors(to), replace_folder(to) as temporary:
        if merge:
            probe, dtype = _write_merged(temporary, base, adapters, dtype, shard_bytes)
        else:
            probe, dtype = None, _write_adapters(temporary, base, adapters, dtype)
        size = sum(file.stat().st_size for file in temporary.iterdir())
    return Export(to=str(to), merged=merge, dtype=dtype, bytes=size, probe=probe)


def adapter_folder(run: str | Path, which: str | None = None) -> Path:
    """Return the adapter folder that is meant: `run` itself, or `which` in it (default best).

    Raises:
        CheckpointError: there is none; lists what there is.
    """
    run = Path(run)
    if (run / POLICY).exists() and which is None:
        return run
    found = sorted(path.parent.name for path in run.glob(f"*/{POLICY}"))
    if (which or "best") not in found:
        raise CheckpointError(
            f"{run} has no adapter folder '{which or 'best'}'; it has: {', '.join(found) or 'none'}. "
            "Name a run's folder, with --which one of those, or an adapter folder."
        )
    return run / (which or "best")


def _check_base_folder(base):
    if not (base / "config.json").is_file() or base == Path():
        raise ModelError(
            f"The base model '{base}' is no folder with a config.json here. Get it (hf download MODEL --local-dir DIR) "
            "and name it with --base DIR."
        )


def _check_target(to, sources, force):
    whole = to.resolve()
    nested = [path for path in sources if whole.is_relative_to(path.resolve()) or path.resolve().is_relative_to(whole)]
    if nested:
        raise CheckpointError(f"{to} and {nested[0]}, which is exported, lie in one another. Take another folder.")
    if not to.is_symlink() and (not to.exists() or (to.is_dir() and not any(to.iterdir()))):
        return
    if to.is_symlink() or not (to / CONTRACT).is_file():
        raise CheckpointError(f"{to} exists and holds something else than an export. Take another folder.")
    if not force:
        raise CheckpointError(f"{to} exists and was left as it is. Replace it with --force, or take another folder.")


@contextmanager
def _readable_errors(to):
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{to} cannot be written: {error}. Nothing is left of it.") from error


def _write_adapters(folder, base, adapters, dtype):
    """Write the folder as PEFT reads it; returns its coarsest precision."""
    if adapters.lora:
        config = {**adapters.config, **({"base_model_name_or_path": str(base)} if base else {})}
        _write_json(folder / CONFIG, config)
        _write_tensors(folder / LORA, adapters.lora, dtype)
    _write_tensors(folder / POLICY, adapters.policy, dtype)
    _write_papers(folder, adapters, adapters.contract | ({"dtype": dtype} if dtype else {}))
    return dtype or _coarsest(_stored_type(tensor) for tensor in (adapters.lora or adapters.policy).values())


def _write_merged(folder, base, adapters, dtype, shard_bytes):
    """Write the merged model and compare it with the unmerged one; returns the probe and the coarsest precision."""
    model_class(base)  # or all would be written before it is found that nothing can be proven
    merge = Merge.of(base, adapters, dtype)
    write_merged(folder, base, merge, shard_bytes)
    head = {name: tensor for name, tensor in adapters.policy.items() if not name.startswith(BACKBONE)}
    _write_tensors(folder / POLICY, head, dtype)
    written = _coarsest(each.dtype for each in merge.planned())
    told = {"merged": True, "merged_fingerprint": whole_fingerprint(folder), "dtype": written}
    _write_papers(folder, adapters, adapters.contract | told)
    return _accepted(compare(base, folder, adapters), written), written


def _accepted(probe, dtype):
    """Return the probe with its tolerance, as a dict, when it is a proof."""
    tolerance = min(TOLERANCE[dtype], max(SHARE * probe.effect, NOISE))
    if not probe.difference <= tolerance:  # also refuses NaN
        raise CheckpointError(
            "The merged model computes something else than base model and adapters. It was not kept. Outputs differ by "
            f"{probe.difference:.1e} of the largest; allowed are {TOLERANCE[dtype]:.0e} in {dtype}, and half of the "
            f"{probe.effect:.1e} that the adapters change, or rounding would hide them. "
            "Export with --dtype fp32, or without --merge."
        )
    return {**probe.to_json(), "tolerance": tolerance}


def _write_tensors(path, tensors, dtype):
    if dtype:
        tensors = {name: on_disk(name, tensor, STORED[dtype]) for name, tensor in tensors.items()}
    save_file(tensors, path, metadata={"format": "pt"})


def _write_papers(folder, adapters, contract):
    _write_json(folder / CONTRACT, contract)
    bind(folder)
    _write_json(folder / METRICS, adapters.metrics)
    if (adapters.folder / CARD).is_file():
        shutil.copyfile(adapters.folder / CARD, folder / CARD)


def _write_json(path, value):
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _coarsest(dtypes):
    """Return the name of the coarsest precision among safetensors' types: fp32, fp16 or bf16."""
    found = set(dtypes)
    return next((name for name, stored in reversed(STORED.items()) if stored in found), "fp32")


def _stored_type(tensor):
    """Return safetensors' name for the precision of a floating-point tensor: F32, F16 or BF16."""
    return next(stored for stored, dtype in TORCH.items() if dtype is tensor.dtype)
