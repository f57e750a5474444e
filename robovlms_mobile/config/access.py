"""Look into a config that may be wrong: nothing here raises on a missing or misshapen part."""

import json
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


def as_json(value: Any) -> str:
    """Show a value as the config writes it."""
    return json.dumps(value, ensure_ascii=False)
