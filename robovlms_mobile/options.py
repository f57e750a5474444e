"""The plugin's own options in an upstream config: the `mobile` object, and what the dataset blocks share."""

import re

from robovlms_mobile.data.block import Block
from robovlms_mobile.data.names import MOBILE_DATASET
from robovlms_mobile.errors import ConfigError


def is_mobile(configs: dict) -> bool:
    """True when a run is ours to look after: it has a `mobile` object, LoRA on, one of our datasets or of our heads."""
    setup, head = configs.get("train_setup"), configs.get("act_head")
    lora = isinstance(setup, dict) and bool(setup.get("lora_enable"))
    ours = isinstance(head, dict) and re.fullmatch(r"Mobile\w+Decoder", str(head.get("type"))) is not None
    return "mobile" in configs or lora or ours or bool(mobile_blocks(configs))


def mobile_blocks(configs: dict) -> list[dict]:
    """Return the MobileVLAH5Dataset blocks of a config, training first, those in lists and ConcatDatasets too."""
    from robovlms_mobile.config.access import blocks  # its package knows this module

    every = [block for _, block, _ in blocks(configs)]
    return [block for block in every if isinstance(block, dict) and block.get("type") == MOBILE_DATASET]


def lora_targets(configs: dict) -> str:
    """Return `mobile.lora.targets`, "text" by default."""
    return (configs.get("mobile") or {}).get("lora", {}).get("targets", "text")


def real_dims(configs: dict) -> tuple[str, ...]:
    """Return the action dims the run trains, which all dataset blocks must agree on."""
    given = {tuple(block.get("real_dims", Block.real_dims)) for block in mobile_blocks(configs)}
    if len(given) > 1:
        raise ConfigError(f"real_dims differs between dataset blocks: {sorted(given)}.", "Give them all the same.")
    return given.pop() if given else Block.real_dims
