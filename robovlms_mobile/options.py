"""The plugin's own options in an upstream config: the `mobile` object, and what the dataset blocks share."""

from robovlms_mobile.data.block import Block
from robovlms_mobile.errors import ConfigError


def is_mobile(configs):
    """True when a run is ours to look after: it has a `mobile` object, LoRA on, or one of our datasets."""
    setup = configs.get("train_setup")
    lora = isinstance(setup, dict) and bool(setup.get("lora_enable"))
    return "mobile" in configs or lora or bool(mobile_blocks(configs))


def mobile_blocks(configs):
    """Return the MobileVLAH5Dataset blocks of a config, training first: list[dict]."""
    blocks = [block for name in ("train_dataset", "val_dataset") for block in _as_list(configs.get(name))]
    return [block for block in blocks if isinstance(block, dict) and block.get("type") == "MobileVLAH5Dataset"]


def lora_targets(configs):
    """Return `mobile.lora.targets`, "text" by default."""
    return (configs.get("mobile") or {}).get("lora", {}).get("targets", "text")


def real_dims(configs):
    """Return the action dims the run trains, which all dataset blocks must agree on: tuple[str, ...]."""
    given = {tuple(block.get("real_dims", Block.real_dims)) for block in mobile_blocks(configs)}
    if len(given) > 1:
        raise ConfigError(f"real_dims differs between dataset blocks: {sorted(given)}. Give them all the same.")
    return given.pop() if given else Block.real_dims


def _as_list(block):
    return block if isinstance(block, list) else [block] if block else []
