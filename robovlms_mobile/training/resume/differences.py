"""Whether a saved state fits the run that would resume from it: what differs, and the table of it. Loaded on resume."""

import math
from collections.abc import Sequence

from lightning.pytorch import LightningModule, Trainer
from torch.nn import Module

from robovlms_mobile.adapters.loading import misfits
from robovlms_mobile.errors import CheckpointError
from robovlms_mobile.training.resume import probe_batch
from robovlms_mobile.training.resume.state import DEFAULTS

# Settings that states of older versions do not hold, and so are not compared with.
LATER = (*DEFAULTS, "min_lr_scale", "tokenizer.tokenizer_type", "processes")
TOLERANCE = 1e-4  # relative, of a loss in float32 on another machine
COARSE = 2e-2  # with half precision on either side, or on another kind of device
SHOWN = 60  # characters of a value
TENSORS = 2  # named of each kind: another rank of LoRA gives all of them another shape


def check_batch(trainer: Trainer, module: LightningModule, saved: dict, data: dict) -> None:
    """Refuse, on every rank, a run whose data or whose loss on the saved batch are not those of the one it resumes.

    Args:
        saved: our entry in the checkpoint.
        data: the episodes of now, as `continuity.data_of` returns them.
    """
    rows = compare_data(saved.get("data", {}), data)
    batch = saved.get("probe", {}).get("batch")
    if batch is not None:
        now = probe_batch.measure(trainer, module, batch)
        if not agree(saved["probe"], now):
            rows.append(("loss of the probe batch", saved["probe"]["loss"], now["loss"]))
    refuse(trainer.strategy.broadcast(rows))


def check_model(module: LightningModule, checkpoint: dict, saved: dict, now: dict) -> None:
    """Refuse, on every rank, a run whose settings, base model or tensors are not those of the one it resumes.

    Args:
        saved: our entry in the checkpoint, {} where it has none.
        now: the "settings" and the "base" of this run.
    """
    rows = []
    if saved:
        rows = compare(saved["settings"], comparable(saved["settings"], now["settings"]))
        rows += compare({"base model": saved["base"]}, {"base model": now["base"]})
    refuse(*module.trainer.strategy.broadcast((rows, check_tensors(module, checkpoint))))


def compare(saved: dict, now: dict) -> list[tuple]:
    """Return what differs between two mappings of plain values: list of (name, saved, now); None where it is absent."""
    names = sorted(saved.keys() | now.keys())
    return [(name, saved.get(name), now.get(name)) for name in names if saved.get(name) != now.get(name)]


def comparable(saved: dict, now: dict) -> dict:
    """Return the settings of now that the version which wrote `saved` knew of, less what it took unsaid."""
    taken = {name for name, value in now.items() if name.endswith(".color_order") and value == '"rgb"'} - saved.keys()
    later = taken if "processes" in saved else taken | {*LATER}
    return {name: now[name] for name in now if name not in later}


def compare_data(saved: dict, now: dict) -> list[tuple]:
    """Return what differs between the episodes of two runs, as `compare` does.

    Args:
        saved, now: "training" or "validation" → {file name: digest, or None where it is not known}.
    """
    rows = []
    for side in sorted(saved.keys() & now.keys()):
        before, after = saved[side], now[side]
        both = before.keys() & after.keys()
        changed = [name for name in both if None not in (before[name], after[name]) and before[name] != after[name]]
        rows += [(f"{side} episode {name}", "there", "gone") for name in sorted(before.keys() - after.keys())]
        rows += [(f"{side} episode {name}", "not there", "new") for name in sorted(after.keys() - before.keys())]
        rows += [(f"{side} episode {name}", before[name], after[name]) for name in sorted(changed)]
    return rows


def check_tensors(module: Module, checkpoint: dict) -> list[str]:
    """Return in words how a checkpoint's tensors differ from what `module` trains; empty when they fit."""
    return misfits(module, {name: tensor.shape for name, tensor in checkpoint["state_dict"].items()}, TENSORS)


def agree(saved: dict, now: dict) -> bool:
    """True when two measurements of the same batch may come from the same weights."""
    fine = saved["device"] == now["device"] and {saved["precision"], now["precision"]} <= {"32", "32-true"}
    same = math.isclose(saved["loss"], now["loss"], rel_tol=TOLERANCE if fine else COARSE)
    return same or (math.isnan(saved["loss"]) and math.isnan(now["loss"]))


def refuse(rows: list[tuple], faults: Sequence[str] = ()) -> None:
    """Raise CheckpointError with a table of what differs, unless nothing does.

    Args:
        rows: as `compare` returns them.
        faults: sentences about what no row holds.
    """
    if not rows and not faults:
        return
    lines = [("", "in the checkpoint", "now"), *((name, _shown(saved), _shown(now)) for name, saved, now in rows)]
    wide = [max(len(line[column]) for line in lines) for column in (0, 1)]
    table = [f"  {name:<{wide[0]}}  {saved:<{wide[1]}}  {now}".rstrip() for name, saved, now in lines] if rows else []
    raise CheckpointError(
        "\n".join(["This run differs from the one it would resume:", *table, *(f"  {fault}." for fault in faults)])
        + "\nSet the config back, or start a new run from what was trained: "
        '"resume": null and "model_load_path": "…/best". Nothing was changed.'
    )


def _shown(value):
    text = "—" if value is None else str(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
