"""What a resumable state holds of a run, and whether it fits the run that would resume from it."""

import json

from robovlms_mobile.adapters.loading import misfits
from robovlms_mobile.errors import CheckpointError

KEY = "robovlms_mobile"  # in a Lightning checkpoint
# What a resumed run must have in common with the one it resumes. An optimizer brings its own learning rate and decay.
SETTINGS = (
    "robovlm_name",
    "window_size",
    "fwd_pred_next_n",
    "image_size",
    "norm_action",
    "norm_min",
    "norm_max",
    "seed",
    "batch_size",
    "learning_rate",
    "weight_decay",
    "act_head",
    "train_setup",
    "train_dataset",
    "val_dataset",
)
FREE = ("precision", "gradient_checkpointing", "data_dir", "episode_pattern", "on_bad_episode")  # whatever the section
SHOWN = 60  # characters of a value


def trainable_names(module):
    """Return the names of the tensors that training changes, as they stand in the state dict: set[str]."""
    return {name for name, parameter in module.named_parameters(remove_duplicate=False) if parameter.requires_grad}


def keep_trainable(module, checkpoint):
    """Leave only trainable tensors in a Lightning checkpoint's `state_dict`, in place."""
    names = trainable_names(module)
    checkpoint["state_dict"] = {name: tensor for name, tensor in checkpoint["state_dict"].items() if name in names}


def settings(configs):
    """Return what a config fixes for all of a run: dotted key → value as JSON."""
    found = {}
    for name in SETTINGS:
        _flatten(name, configs.get(name), found)
    _flatten("mobile.lora", (configs.get("mobile") or {}).get("lora"), found)
    _flatten("trainer.accumulate_grad_batches", configs["trainer"].get("accumulate_grad_batches"), found)
    return found


def compare(saved, now):
    """Return what differs between two mappings of plain values: list of (name, saved, now); None where it is absent."""
    names = sorted(saved.keys() | now.keys())
    return [(name, saved.get(name), now.get(name)) for name in names if saved.get(name) != now.get(name)]


def compare_data(saved, now):
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


def check_tensors(module, checkpoint):
    """Return in words how a checkpoint's tensors differ from what `module` trains; empty when they fit."""
    return misfits(module, {name: tensor.shape for name, tensor in checkpoint["state_dict"].items()})


def refuse(rows, faults=()):
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


def _flatten(name, value, found):
    if isinstance(value, dict):
        for key, each in value.items():
            if key not in FREE:
                _flatten(f"{name}.{key}", each, found)
    elif value is not None:
        found[name] = json.dumps(value, default=str)


def _shown(value):
    text = "—" if value is None else str(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
