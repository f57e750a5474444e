"""What a run of ours refuses before it builds anything, and lint calls an error: the same rules for both."""

import json
from collections.abc import Iterator
from importlib import import_module

from robovlms_mobile.data.names import whole
from robovlms_mobile.errors import ConfigError
from robovlms_mobile.options import blocks, is_mobile, mobile_blocks

SECTIONS = ("trainer", "act_head", "train_setup", "mobile")
ROLES = ("train_dataset", "val_dataset")
SHARDED = ("fsdp", "deepspeed")
HALF = {"16-true": "16-mixed", "bf16-true": "bf16-mixed"}  # precision of the weights themselves → of the sums only


def check_run(config: dict, cuda: bool | None = None) -> None:
    """Refuse a run that could not end well; one that is not ours is none of our business.

    Args:
        config: as `load_config` gives it, or as upstream has completed it with its flags.
        cuda: whether this machine has CUDA; None leaves out what depends on it.

    Raises:
        ConfigError: everything that `refusals` finds.
    """
    found = list(refusals(config, cuda)) if is_mobile(config) else []
    if found:
        raise ConfigError("\n".join(f"{where} {what}: {fix}." for where, what, fix in found))


def refusals(config: dict, cuda: bool | None = None) -> Iterator[tuple[str, str, str]]:
    """Yield (where, what, fix) for everything that a run refuses, with the meaning of `Finding`'s fields."""
    yield from _workers(config)
    trainer, head, setup, mobile = (each if isinstance(each := config.get(name), dict) else {} for name in SECTIONS)
    if trainer.get("accelerator") == "cpu" and cuda:
        what = 'is "cpu" on a machine with CUDA, and upstream moves every batch to the GPU all the same'
        fix = 'set it to "auto", or hide the GPU: put CUDA_VISIBLE_DEVICES="" before the command'
        yield "trainer.accelerator", what, fix
    if is_mobile(config):
        yield from _trainer(trainer)
        several = [where for where, _, _ in blocks(config)] != [name for name in ROLES if name in config]
        keys, half = head.get("type") == "MobileKeyDecoder", mobile.get("base_dtype") is not None
        episode = any(block.get("batch", "window") != "window" for block in mobile_blocks(config))
        concerns = {"nested": several, "nine_keys": keys, "half_base": half, "episode_batches": episode}
        usual = setup.get("bits") in (None, -1) and setup.get("gradient_checkpointing") in (None, True, False)
        concerns["memory_savers"] = not usual or mobile.get("optimizer") is not None
        concerns["kept_frames"] = isinstance(mobile.get("frames"), dict) and "features" in mobile["frames"]
        for rules, concerned in concerns.items():
            if concerned:
                yield from import_module(f"robovlms_mobile.config.{rules}").refused(config)


def _workers(config):
    value = config.get("num_workers", 1)
    values = value if isinstance(value, list) else [value]
    if not all(map(whole, values)):
        what = f"is {json.dumps(value)}, expected a whole number > 0 (upstream's loaders need a worker process)"
        yield "num_workers", what, "set it to 1 or more"


def _trainer(trainer):
    strategy, precision = trainer.get("strategy"), str(trainer.get("precision"))
    name = strategy if isinstance(strategy, str) else type(strategy).__name__
    if name.lower().startswith(SHARDED):
        what = f"is {name}, which shards the model and writes checkpoints of its own format: no rank has the adapters"
        fix = 'adapters are small and the rest is frozen: set it to "ddp" (several GPUs) or "auto"'
        yield "trainer.strategy", f"{what} whole", fix
    if precision in HALF:
        what = f'is "{precision}", which turns the adapters themselves to half precision: small steps round to nothing'
        fix = f'set it to "{HALF[precision]}": the model computes in half precision, the adapters stay fp32'
        yield "trainer.precision", what, fix
