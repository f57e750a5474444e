"""The plugin's own options in an upstream config: the `mobile` object, and what the dataset blocks share."""

import re
from collections.abc import Iterator
from typing import Any

from robovlms_mobile.data.block import Block
from robovlms_mobile.data.names import MOBILE_DATASET
from robovlms_mobile.errors import ConfigError

AUDIT = ("stop", "warn", "off")  # what `mobile.audit` may be, the default first
BASE_DTYPE = ("auto", "fp32", "bf16", "fp16")  # what `mobile.base_dtype` may be, the default first
BITS = (8, 4)  # what `train_setup.bits` may be where it is to mean something
COMPUTES = {"16": "fp16", "16-mixed": "fp16", "bf16": "bf16", "bf16-mixed": "bf16"}  # trainer.precision → autocast's


def is_mobile(configs: dict) -> bool:
    """True when a run is ours to look after: it has a `mobile` object, LoRA on, one of our datasets or of our heads."""
    setup, head = configs.get("train_setup"), configs.get("act_head")
    lora = isinstance(setup, dict) and bool(setup.get("lora_enable"))
    ours = isinstance(head, dict) and re.fullmatch(r"Mobile\w+Decoder", str(head.get("type"))) is not None
    return "mobile" in configs or lora or ours or bool(mobile_blocks(configs))


def mobile_blocks(configs: dict) -> list[dict]:
    """Return the MobileVLAH5Dataset blocks of a config, training first, those in lists and ConcatDatasets too."""
    every = [block for _, block, _ in blocks(configs)]
    return [block for block in every if isinstance(block, dict) and block.get("type") == MOBILE_DATASET]


def blocks(config: dict) -> Iterator[tuple[str, Any, bool]]:
    """Yield (where, block, is_training) for every dataset block, also inside lists and ConcatDatasets."""
    for name, is_training in (("train_dataset", True), ("val_dataset", False)):
        if name in config:
            yield from _blocks(name, config[name], is_training)


def _blocks(where, value, is_training):
    children = value if isinstance(value, list) else None
    if isinstance(value, dict) and isinstance(value.get("datasets"), list):
        where, children = f"{where}.datasets", value["datasets"]
    if children is None:
        yield where, value, is_training
        return
    for i, child in enumerate(children):
        yield from _blocks(f"{where}[{i}]", child, is_training)


def audit_option(configs: dict) -> str:
    """Return `mobile.audit`, "stop" by default."""
    return (configs.get("mobile") or {}).get("audit", AUDIT[0])


def base_dtype(configs: dict) -> str:
    """Return what Linear and Conv weights of a run's base model are in: "fp32", "fp16" or "bf16".

    `mobile.base_dtype` says it. "auto", the default, is what autocast computes in where LoRA trains and the base model
    is frozen, all of it, and fp32 elsewhere: what an optimizer changes needs fp32.
    """
    told, precision = (configs.get("mobile") or {}).get("base_dtype"), (configs.get("trainer") or {}).get("precision")
    computes = COMPUTES.get(str(precision), "fp32") if all_frozen(configs["train_setup"]) else "fp32"
    return computes if told in (None, "auto") else told


def all_frozen(setup: dict) -> bool:
    """True where LoRA trains and nothing of the base model does, by `train_setup`."""
    frozen = setup.get("lora_enable") and setup.get("freeze_backbone") and setup.get("lora_bias") == "none"
    return bool(frozen) and not (setup.get("train_vision") or setup.get("train_text_embedding"))


def lora_targets(configs: dict) -> str:
    """Return `mobile.lora.targets`, "text" by default."""
    return (configs.get("mobile") or {}).get("lora", {}).get("targets", "text")


def real_dims(configs: dict) -> tuple[str, ...]:
    """Return the action dims the run trains, which all dataset blocks must agree on."""
    given = {tuple(block.get("real_dims", Block.real_dims)) for block in mobile_blocks(configs)}
    if len(given) > 1:
        raise ConfigError(f"real_dims differs between dataset blocks: {sorted(given)}.", "Give them all the same.")
    return given.pop() if given else Block.real_dims
