"""Names that several rooms share, and the checks of keys and values against what is known. Nothing heavy."""

import difflib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from robovlms_mobile.errors import ConfigError

MOBILE_DATASET = "MobileVLAH5Dataset"
Rules = Mapping[str, tuple[Callable[[Any], bool], str]]  # key → (whether a value fits, what fits in words)
ACTION_DIMS = ("linear_x", "linear_y", "angular_z")  # the columns of a file's `actions`, in that order


def unknown_keys(given: Iterable[str], known: Collection[str]) -> list[tuple[str, str | None]]:
    """Return [(name, closest known name or None)] for the names in `given` that `known` lacks, in order."""
    return [(name, closest(name, known)) for name in given if name not in known]


def closest(name: object, known: Iterable[object]) -> str | None:
    """Return the known name most like `name`, or None when none is close."""
    matches = difflib.get_close_matches(str(name), [str(one) for one in known], n=1, cutoff=0.6)
    return matches[0] if matches else None


def wrong_values(given: Mapping[str, Any], rules: Rules) -> Iterator[tuple[str, str]]:
    """Yield (key, what is expected) for each value that does not fit its rule."""
    for name, (fits, expected) in rules.items():
        if name in given and not fits(given[name]):
            yield name, expected


def check_values(given: Mapping[str, Any], rules: Rules, where: str) -> None:
    """Raise ConfigError that lists every value in `given` that does not fit its rule; `where` as in `check_keys`."""
    wrong = [f"{name} is {given[name]!r}, expected {what}" for name, what in wrong_values(given, rules)]
    if wrong:
        raise ConfigError(f"{where}: {'; '.join(wrong)}.")


def check_keys(given: Iterable[str], known: Collection[str], where: str) -> None:
    """Raise ConfigError that lists the names in `given` that `known` lacks, each with the closest known one.

    Args:
        given: the names to check.
        known: the names that exist.
        where: what the names belong to, in the user's words, e.g. `train_dataset`.
    """
    unknown = unknown_keys(given, known)
    if not unknown:
        return
    listed = "; ".join(f"'{name}'" + (f" (did you mean '{near}'?)" if near else "") for name, near in unknown)
    plural = "s" if len(unknown) > 1 else ""
    raise ConfigError(f"{where}: unknown key{plural} {listed}.", f"Known: {', '.join(known)}.")
