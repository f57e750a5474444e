"""What speaks against the options that save memory by more arithmetic or by coarser numbers."""

import json
from collections.abc import Iterator

from robovlms_mobile.config.access import section
from robovlms_mobile.options import BITS, all_frozen

OPTIMIZER = (None, "adamw8bit")
AS_EVER = (None, -1, 16, 32)  # what upstream's configs have there, where nothing comes of it


def refused(config: dict) -> Iterator[tuple[str, str, str]]:
    """Yield (where, what, fix) for values that none of these options has, and for bits of what is trained."""
    yield from _bits(section(config, "train_setup"))
    told = section(config, "train_setup").get("gradient_checkpointing")
    if not (told is None or isinstance(told, bool) or told == "auto"):
        what = f'is {json.dumps(told)}, expected true, false or "auto"'
        yield "train_setup.gradient_checkpointing", what, 'set it to "auto"'
    optimizer = section(config, "mobile").get("optimizer")
    if optimizer not in OPTIMIZER:
        what = f'is {json.dumps(optimizer)}, expected "adamw8bit" or null'
        yield "mobile.optimizer", what, "set it to null: AdamW with moments in fp32"


def _bits(setup):
    bits = setup.get("bits")
    if bits in AS_EVER:
        return
    if bits not in BITS:
        yield "train_setup.bits", f"is {json.dumps(bits)}, expected 8, 4 or -1", "set it to -1"
    elif not all_frozen(setup):
        what = f"is {bits}, and train_setup trains some of the base model, or no adapters: codes cannot be trained"
        yield "train_setup.bits", what, 'set it to -1, or enable LoRA, freeze the backbone and set lora_bias to "none"'
