"""Entry points that do not load, and what stands in for them; those that replace what something else put there."""

import warnings
from importlib.metadata import EntryPoint

from robovlms_mobile.errors import RegistrationError


def warn_of_replacing(name: str, old: type, entry: EntryPoint, package: str) -> None:
    """Say that an entry point now has the name of another class."""
    warnings.warn(
        f"{name} is now {entry.value} (package {package}); it was {old.__module__}.{old.__qualname__}. "
        f"Uninstall {package} to get the old one back.",
        stacklevel=5,
    )


def stand_in(entry: EntryPoint, package: str, error: Exception) -> type:
    """Warn of an entry point that does not load, and return a class that raises RegistrationError when it is made."""
    message = (
        f"entry point '{entry.name}' in group '{entry.group}' of package {package} does not load: "
        f"{entry.value}: {type(error).__name__}: {error}. Fix or uninstall {package}."
    )
    warnings.warn(message, stacklevel=6)

    def refuse(self, *args, **kwargs):
        raise RegistrationError(message) from error

    return type(entry.name, (), {"broken": True, "__init__": refuse})
