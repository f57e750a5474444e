"""Names that nobody knows, and the known ones they are nearest to. Loaded where there are any."""

import difflib
from collections.abc import Collection, Iterable

from robovlms_mobile.errors import ConfigError


def unknown_keys(given: Iterable[str], known: Collection[str]) -> list[tuple[str, str | None]]:
    """Return [(name, closest known name or None)] for the names in `given` that `known` lacks, in order."""
    return [(name, closest(name, known)) for name in given if name not in known]


def closest(name: object, known: Iterable[object]) -> str | None:
    """Return the known name most like `name`, or None when none is close."""
    matches = difflib.get_close_matches(str(name), [str(one) for one in known], n=1, cutoff=0.6)
    return matches[0] if matches else None


def refused(given: Iterable[str], known: Collection[str], where: str) -> ConfigError:
    """Return the error for the names in `given` that `known` lacks; see `names.check_keys`."""
    unknown = unknown_keys(given, known)
    listed = "; ".join(f"'{name}'" + (f" (did you mean '{near}'?)" if near else "") for name, near in unknown)
    plural = "s" if len(unknown) > 1 else ""
    return ConfigError(f"{where}: unknown key{plural} {listed}.", f"Known: {', '.join(known)}.")
