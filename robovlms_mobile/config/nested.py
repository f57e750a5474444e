"""Several dataset blocks in a role: upstream trains on the first of a list only, and logs no `val_loss` for one."""

from collections.abc import Iterator

from robovlms_mobile.data.names import MOBILE_DATASET
from robovlms_mobile.options import blocks

WHY = {"train_dataset": "only its first would count", "val_dataset": "the best epoch is chosen by one val_loss"}


def refused(config: dict) -> Iterator[tuple[str, str, str]]:
    """Yield (where, what, fix) for each role with several of our blocks, and for any list to validate on."""
    for name, why in WHY.items():
        value = config.get(name)
        inner = [block for where, block, _ in blocks({name: value}) if where != name]
        ours = any(isinstance(block, dict) and block.get("type") == MOBILE_DATASET for block in inner)
        if ours or (name == "val_dataset" and isinstance(value, list)):
            what = f"is {'a list' if isinstance(value, list) else 'nested'}, expected one block: {why}"
            fix = (
                "write one block, with several folders or days as patterns below one data_dir: "
                '"data_dir": "datasets", "episode_pattern": ["day1/episode_*.h5", "day2/episode_*.h5"]'
            )
            yield name, what, fix
