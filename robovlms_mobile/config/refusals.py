"""What a run of ours refuses before it builds anything, and lint calls an error: the same rules for both."""

from collections.abc import Iterator

from robovlms_mobile.config.access import as_json, blocks, section
from robovlms_mobile.data.names import MOBILE_DATASET
from robovlms_mobile.errors import ConfigError
from robovlms_mobile.findings import Finding
from robovlms_mobile.options import is_mobile

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
        raise ConfigError("\n".join(f"{each.where} {each.what}: {each.fix}." for each in found))


def refusals(config: dict, cuda: bool | None = None) -> Iterator[Finding]:
    """Yield an error for everything that a run refuses."""
    yield from _workers(config)
    trainer = section(config, "trainer")
    if trainer.get("accelerator") == "cpu" and cuda:
        what = 'is "cpu" on a machine with CUDA, and upstream moves every batch to the GPU all the same'
        fix = 'set it to "auto", or hide the GPU: put CUDA_VISIBLE_DEVICES="" before the command'
        yield Finding("error", what, "trainer.accelerator", fix)
    if is_mobile(config):
        yield from _trainer(trainer)
        yield from _several(config)


def _workers(config):
    value = config.get("num_workers", 1)
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(one, int) and not isinstance(one, bool) and one > 0 for one in values):
        what = f"is {as_json(value)}, expected a whole number > 0 (upstream's loaders need a worker process)"
        yield Finding("error", what, "num_workers", "set it to 1 or more")


def _trainer(trainer):
    strategy, precision = trainer.get("strategy"), str(trainer.get("precision"))
    name = strategy if isinstance(strategy, str) else type(strategy).__name__
    if name.lower().startswith(SHARDED):
        what = f"is {name}, which shards the model and writes checkpoints of its own format: no rank has the adapters"
        fix = 'adapters are small and the rest is frozen: set it to "ddp" (several GPUs) or "auto"'
        yield Finding("error", f"{what} whole", "trainer.strategy", fix)
    if precision in HALF:
        what = f'is "{precision}", which turns the adapters themselves to half precision: small steps round to nothing'
        fix = f'set it to "{HALF[precision]}": the model computes in half precision, the adapters stay fp32'
        yield Finding("error", what, "trainer.precision", fix)


def _several(config):
    """Several blocks in a role: upstream trains on the first of a list only, and logs no `val_loss` for one."""
    for name in ("train_dataset", "val_dataset"):
        value = config.get(name)
        inner = [block for where, block, _ in blocks({name: value}) if where != name]
        ours = any(isinstance(block, dict) and block.get("type") == MOBILE_DATASET for block in inner)
        if ours or (name == "val_dataset" and isinstance(value, list)):
            what = f"is {'a list' if isinstance(value, list) else 'nested'}, expected one block: "
            what += (
                "the best epoch is chosen by one val_loss" if name == "val_dataset" else "only its first would count"
            )
            fix = (
                "write one block, with several folders or days as patterns below one data_dir: "
                '"data_dir": "datasets", "episode_pattern": ["day1/episode_*.h5", "day2/episode_*.h5"]'
            )
            yield Finding("error", what, name, fix)
