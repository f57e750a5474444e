"""Read a JSON config and its parents into one dict, equal to what upstream's `main.py` makes of it."""

import json
from pathlib import Path

from robovlms_mobile.errors import ConfigError


def load_config(path: str | Path) -> dict:
    """Read a config, its `parent` (relative to the working directory, as upstream does) under it, and so on.

    Args:
        path: a JSON file.

    Returns:
        dict: parents first, updated deeply by their children.

    Raises:
        ConfigError: a file is missing or is not JSON (line and column, comments and trailing commas named), a key
            stands twice in one object, parents form a loop, or a child puts an object where its parent has a value.
    """
    config = read(Path(path))
    if not config.get("parent"):
        return config
    from robovlms_mobile.config.parents import with_parents

    return with_parents(config, Path(path))


def read(path: Path, child: Path | None = None) -> dict:
    """Return what one file holds, that `child` may have named as its parent; raises as `load_config` does."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_object)
    except (OSError, ValueError) as error:
        from robovlms_mobile.config.unreadable import explain

        wanted_by = f', the "parent" of {child}' if child else ""
        raise ConfigError(explain(path, wanted_by, error)) from None
    if not isinstance(config, dict):
        raise ConfigError(f"{path}: holds a {type(config).__name__}, expected an object {{...}}.")
    return config


class DuplicateKeyError(ValueError):
    """A key stands more than once in one JSON object."""


def _object(pairs):
    config = dict(pairs)
    if len(config) < len(pairs):
        names = [name for name, _ in pairs]
        raise DuplicateKeyError(*sorted({name for name in names if names.count(name) > 1}))
    return config
