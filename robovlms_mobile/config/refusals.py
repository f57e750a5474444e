"""What a run of ours refuses before it builds anything, and lint calls an error: the same rules for both."""

import json
from collections.abc import Iterator

from robovlms_mobile.data.names import MOBILE_DATASET
from robovlms_mobile.errors import ConfigError
from robovlms_mobile.options import blocks, is_mobile

BF16 = (8, 0)  # compute capability from which a card has bf16: Ampere, the Jetson Orin (8.7) too
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
    trainer = config.get("trainer")
    trainer = trainer if isinstance(trainer, dict) else {}
    if trainer.get("accelerator") == "cpu" and cuda:
        what = 'is "cpu" on a machine with CUDA, and upstream moves every batch to the GPU all the same'
        fix = 'set it to "auto", or hide the GPU: put CUDA_VISIBLE_DEVICES="" before the command'
        yield "trainer.accelerator", what, fix
    if is_mobile(config):
        yield from _trainer(trainer)
        yield from _several(config)


def half_precision(precision: str, capability: tuple[int, int] | None) -> Iterator[tuple[str, str, str]]:
    """Yield (level, what, fix) against a half precision on a card of a compute capability; None: there is no card.

    bf16 has the range of fp32, so that gradients do not overflow as in FP16. Cards before Ampere only emulate it.
    """
    if capability is None:
        return
    if precision.startswith("bf16") and capability < BF16:
        what = f'is "{precision}", which this card (compute capability {capability[0]}.{capability[1]}) does not have'
        yield "error", what, 'set it to "16-mixed"'
    elif precision == "16-mixed" and capability >= BF16:
        what = f'is "{precision}", whose gradients may overflow, and this card has bf16'
        yield "warn", what, 'set it to "bf16-mixed"'


def _workers(config):
    value = config.get("num_workers", 1)
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(one, int) and not isinstance(one, bool) and one > 0 for one in values):
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


def _several(config):
    """Several blocks in a role: upstream trains on the first of a list only, and logs no `val_loss` for one."""
    why = {"train_dataset": "only its first would count", "val_dataset": "the best epoch is chosen by one val_loss"}
    for name in why:
        value = config.get(name)
        inner = [block for where, block, _ in blocks({name: value}) if where != name]
        ours = any(isinstance(block, dict) and block.get("type") == MOBILE_DATASET for block in inner)
        if ours or (name == "val_dataset" and isinstance(value, list)):
            what = f"is {'a list' if isinstance(value, list) else 'nested'}, expected one block: {why[name]}"
            fix = (
                "write one block, with several folders or days as patterns below one data_dir: "
                '"data_dir": "datasets", "episode_pattern": ["day1/episode_*.h5", "day2/episode_*.h5"]'
            )
            yield name, what, fix
