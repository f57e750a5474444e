"""What speaks against the options that save memory by more arithmetic or by coarser numbers."""

import json
from collections.abc import Iterator

from robovlms_mobile.config.access import section

CHECKPOINTING = (None, True, False, "auto")
OPTIMIZER = (None, "adamw8bit")


def refused(config: dict) -> Iterator[tuple[str, str, str]]:
    """Yield (where, what, fix) for values that none of these options has."""
    told = section(config, "train_setup").get("gradient_checkpointing")
    if told not in CHECKPOINTING:
        what = f'is {json.dumps(told)}, expected true, false or "auto"'
        yield "train_setup.gradient_checkpointing", what, 'set it to "auto"'
    optimizer = section(config, "mobile").get("optimizer")
    if optimizer not in OPTIMIZER:
        what = f'is {json.dumps(optimizer)}, expected "adamw8bit" or null'
        yield "mobile.optimizer", what, "set it to null: AdamW with moments in fp32"
