"""Read a JSON config and its parents into one dict, equal to what upstream's `main.py` makes of it."""

import json
import re
from pathlib import Path

from robovlms_mobile.errors import ConfigError

HINTS = (  # what stands where the parser stopped → what people meant
    (r"//|/\*|#", "JSON has no comments: remove it"),
    (r"'", "JSON strings take double quotes"),
    (r"True\b|False\b|None\b", "JSON writes true, false and null"),
    (r"\Z", "the file ends early: a bracket or a quote is not closed"),
)


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
    wanted_by = f', the "parent" of {children[-1]}' if children else ""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}{wanted_by}: not UTF-8 text (byte {error.start}). Save it as UTF-8.") from None
    except OSError as error:
        seen_from = "" if path.is_absolute() else f", seen from the working directory, {Path.cwd()}"
        raise ConfigError(f"{path}{wanted_by}: {error.strerror}{seen_from}.") from None
    try:
        config = json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise ConfigError(_explain(path, text, error)) from None
    except _DuplicateKeyError as error:
        raise ConfigError(f"{path}: {error} in one object; upstream would take the last. Keep one.") from None
    if not isinstance(config, dict):
        raise ConfigError(f"{path}: holds a {type(config).__name__}, expected an object {{...}}.")
    return config


class _DuplicateKeyError(Exception):
    """A key stands more than once in one JSON object."""


def _object(pairs):
    config = dict(pairs)
    if len(config) < len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise _DuplicateKeyError(", ".join(f'"{name}"' for name in twice) + " more than once")
    return config


def _explain(path, text, error):
    """Say where JSON broke (line and column) and, for the usual slips, why."""
    if text.startswith("\ufeff"):
        return f"{path}, line 1, column 1: starts with a byte order mark. Save it as UTF-8 without BOM."
    position = error.pos + len(text[error.pos :]) - len(text[error.pos :].lstrip())
    before = text[:position].rstrip()
    trailing = before.endswith(",") and text[position : position + 1] in ("}", "]")
    comma_before = text[position : position + 1] == "," and text[position + 1 :].lstrip()[:1] in ("}", "]")
    if trailing or comma_before:
        position = len(before) - 1 if trailing else position
        why = "a comma before a closing bracket: remove it"
    else:
        why = next((hint for start, hint in HINTS if re.match(start, text[position:])), error.msg)
    line, column = text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)
    return f"{path}, line {line}, column {column}: {why}."


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
