"""What a resumable state holds of a run: the trained tensors, and the settings that a resumed run must keep."""

import json

from torch.nn import Module

# What a resumed run must have in common with the one it resumes. An optimizer brings its own learning rate and decay.
# fmt: off
SETTINGS = (
    "robovlm_name", "window_size", "fwd_pred_next_n", "image_size", "norm_action", "norm_min", "norm_max", "seed",
    "batch_size", "learning_rate", "min_lr_scale", "weight_decay", "act_head", "train_setup", "train_dataset",
    "val_dataset",
)
# fmt: on
# upstream's
DEFAULTS: dict = {"scheduler": "constant", "gradient_clip_val": 0.0, "warmup_epochs": 0.0, "warmup_steps": 0.0}
FREE = ("precision", "gradient_checkpointing", "data_dir", "episode_pattern", "on_bad_episode", "one_sided")  # anywhere


def trainable_names(module: Module) -> set[str]:
    """Return the names of the tensors that training changes, as they stand in the state dict."""
    return {name for name, parameter in module.named_parameters(remove_duplicate=False) if parameter.requires_grad}


def keep_trainable(module: Module, checkpoint: dict) -> None:
    """Leave only trainable tensors in a Lightning checkpoint's `state_dict`, in place."""
    names = trainable_names(module)
    checkpoint["state_dict"] = {name: tensor for name, tensor in checkpoint["state_dict"].items() if name in names}


def settings(configs: dict, processes: int = 1) -> dict[str, str]:
    """Return what a config, and the number of its processes, fix for all of a run: dotted key → value as JSON."""
    found = {}
    for name in SETTINGS:
        _flatten(name, configs.get(name), found)
    for name, default in DEFAULTS.items():
        _flatten(name, type(default)(configs.get(name) or default), found)  # 0 is 0.0, and null is the default
    _flatten("mobile", {name: (configs.get("mobile") or {}).get(name) for name in ("lora", "optimizer")}, found)
    _flatten("tokenizer.tokenizer_type", (configs.get("tokenizer") or {}).get("tokenizer_type"), found)
    _flatten("trainer.accumulate_grad_batches", configs["trainer"].get("accumulate_grad_batches"), found)
    return found | {"processes": str(processes)}


def _flatten(name, value, found):
    if isinstance(value, dict):
        for key, each in value.items():
            if key not in FREE:
                _flatten(f"{name}.{key}", each, found)
    elif value is not None:
        found[name] = json.dumps(value, default=str)
