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
    return _load(Path(path), ())


def _load(path, children):
    chain = (*children, path)
    if path.resolve() in [child.resolve() for child in children]:
        raise ConfigError(f'parents form a loop: {" → ".join(map(str, chain))}. Remove "parent" from one of them.')
    own = _read(path, children)
    config = {}
    if own.get("parent"):
        if not isinstance(own["parent"], str):
            raise ConfigError(f'{path}: "parent" is {json.dumps(own["parent"])}, expected a path or null.')
        _update(config, _load(Path(own["parent"]), chain), path)
    return _update(config, own, path)


def _read(path, children):
    try:
        config = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_object)
    except (OSError, ValueError) as error:
        from robovlms_mobile.config.unreadable import explain

        wanted_by = f', the "parent" of {children[-1]}' if children else ""
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


def _update(config, other, path):
    """Update `config` deeply by `other`, as upstream does: objects merge, everything else replaces."""
    for key, value in other.items():
        if isinstance(value, dict) and key in config:
            if not isinstance(config[key], dict):
                raise ConfigError(
                    f'{path}: "{key}" is an object here and {json.dumps(config[key])} in its parent; upstream cannot '
                    f'merge the two. Make "{key}" an object in the parent, or leave it out there.'
                )
            _update(config[key], value, path)
        else:
            config[key] = value
    return config
