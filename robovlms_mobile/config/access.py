"""Look into a config that may be wrong: nothing here raises on a missing or misshapen part."""

import json
from collections.abc import Iterator
from typing import Any


def section(config: dict, name: str) -> dict:
    """Return the object `name` of a config, or an empty dict where there is none."""
    value = config.get(name)
    return value if isinstance(value, dict) else {}


def lookup(config: Any, path: str) -> Any:
    """Return the value at a dotted path such as `trainer.precision`, or None."""
    for name in path.split("."):
        if not isinstance(config, dict):
            return None
        config = config.get(name)
    return config


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


def as_json(value: Any) -> str:
    """Show a value as the config writes it."""
    return json.dumps(value, ensure_ascii=False)
