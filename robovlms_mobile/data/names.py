"""Names that several rooms share, and the checks of keys and values against what is known. Nothing heavy."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from robovlms_mobile.errors import ConfigError

MOBILE_DATASET = "MobileVLAH5Dataset"
Rules = Mapping[str, tuple[Callable[[Any], bool], str]]  # key → (whether a value fits, what fits in words)
ACTION_DIMS = ("linear_x", "linear_y", "angular_z")  # the columns of a file's `actions`, in that order


def whole(value: object, least: int = 1) -> bool:
    """True for a whole number of at least `least`; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


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


def check_keys(given: Collection[str], known: Collection[str], where: str) -> None:
    """Raise ConfigError that lists the names in `given` that `known` lacks, each with the closest known one.

    Args:
        given: the names to check.
        known: the names that exist.
        where: what the names belong to, in the user's words, e.g. `train_dataset`.
    """
    if any(name not in known for name in given):
        from robovlms_mobile.data.unknown import refused

        raise refused(given, known, where)
