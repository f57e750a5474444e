"""What a config takes over from its parents. Loaded for one that has any."""

import json
from pathlib import Path

from robovlms_mobile.config.load import read
from robovlms_mobile.errors import ConfigError


def with_parents(own: dict, path: Path, children: tuple[Path, ...] = ()) -> dict:
    """Return a config over its parent and that one's parents, updated deeply by their children.

    Args:
        own: what the file at `path` holds.
        children: the files that lead to it, the first asked for first.

    Raises:
        ConfigError: see `load.load_config`.
    """
    if not own.get("parent"):
        return own
    if not isinstance(own["parent"], str):
        raise ConfigError(f'{path}: "parent" is {json.dumps(own["parent"])}, expected a path or null.')
    parent, chain = Path(own["parent"]), (*children, path)
    if parent.resolve() in [each.resolve() for each in chain]:
        told = " → ".join(map(str, (*chain, parent)))
        raise ConfigError(f'parents form a loop: {told}. Remove "parent" from one of them.')
    return updated(with_parents(read(parent, path), parent, chain), own, path)


def updated(config: dict, other: dict, path: Path) -> dict:
    """Update `config` deeply by `other`, in place and as upstream does: objects merge, everything else replaces.

    Args:
        path: the file that `other` is from.

    Raises:
        ConfigError: an object stands where `config` has a value.
    """
    for key, value in other.items():
        if isinstance(value, dict) and key in config:
            if not isinstance(config[key], dict):
                raise ConfigError(
                    f'{path}: "{key}" is an object here and {json.dumps(config[key])} in its parent; upstream cannot '
                    f'merge the two. Make "{key}" an object in the parent, or leave it out there.'
                )
            updated(config[key], value, path)
        else:
            config[key] = value
    return config
