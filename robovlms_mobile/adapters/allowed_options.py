"""Which of PEFT's options an adapter folder of ours can have. Every option not named here must be off."""

import math
import re
from typing import Any

MAX_RANK = 4096
MAX_PATTERN = 100_000  # characters
# What `target_pattern` writes: names joined by |, a number between two dots at most. Matches in linear time.
PATTERN = re.compile(r"(?:\\\.(?:\\d\+(?=\\\.))?|\\-|[\w|-])+")


def _is_rank(value):
    return type(value) is int and 1 <= value <= MAX_RANK


def _is_number(value):
    return type(value) in (int, float) and math.isfinite(value)


def _is_pattern(value):
    return isinstance(value, str) and len(value) <= MAX_PATTERN and PATTERN.fullmatch(value) is not None


def _is_flag(value):
    return type(value) is bool


def _is_text(value):
    return value is None or isinstance(value, str)


EXPECTED = {  # option → test of its value, what is expected in words
    "peft_type": (lambda value: value == "LORA", "LORA"),
    "r": (_is_rank, f"an integer from 1 to {MAX_RANK}"),
    "lora_alpha": (lambda value: _is_number(value) and value > 0, "a positive number"),
    "lora_dropout": (lambda value: _is_number(value) and 0 <= value < 1, "a number from 0 to below 1"),
    "bias": (lambda value: value in ("none", "all", "lora_only"), "none, all or lora_only"),
    "target_modules": (_is_pattern, "names joined by |, with \\d+ for a number"),
    "fan_in_fan_out": (_is_flag, "true or false"),
    "inference_mode": (_is_flag, "true or false"),
    "init_lora_weights": (lambda value: value is True, "true"),
    "base_model_name_or_path": (_is_text, "a path"),
    "peft_version": (_is_text, "a version"),
    "megatron_core": (_is_text, "a name"),  # without megatron_config it has no effect
    "qalora_group_size": (lambda value: type(value) is int, "an integer"),  # without use_qalora neither
}
REQUIRED = ("peft_type", "r", "lora_alpha", "bias", "target_modules")


def option_faults(config: dict[str, Any]) -> list[str]:
    """Return what is wrong with an adapter_config.json, in words; empty when nothing is.

    Args:
        config: its content, a dict.
    """
    missing = [f"adapter_config.json lacks {name}" for name in REQUIRED if name not in config]
    faults = []
    for name, value in config.items():
        if name in EXPECTED:
            fits, expected = EXPECTED[name]
            wrong = not fits(value)
        else:
            expected, wrong = "it off (this package never sets it)", bool(value)
        if wrong:
            faults.append(f"adapter_config.json: {repr(name)[:80]} is {repr(value)[:80]}, expected {expected}")
    return missing + faults
