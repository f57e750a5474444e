"""Where LoRA goes by a user's own regular expression, and what to say where nothing matches."""

import re
from collections.abc import Collection, Iterable

from robovlms_mobile.errors import ModelError

SHOWN = 12  # examples of names


def matching(regex: str, names: Collection[str]) -> list[str]:
    """Return the names that a regex fully matches. Raises ModelError where it is none."""
    try:
        return [name for name in names if re.fullmatch(regex, name)]
    except re.error as error:
        raise ModelError(f"mobile.lora.targets {regex!r} is not a regular expression: {error}") from error


def no_match(targets: str, patterns: Iterable[str]) -> ModelError:
    """Return the error for targets that no linear layer fits; patterns: what the layers' names are like."""
    return ModelError(
        f"mobile.lora.targets {targets!r} matches no linear layer.",
        "Use text, attention, all, or a regex that fully matches names like: "
        + ", ".join(sorted(set(patterns))[:SHOWN]),
    )
