"""What stands in for a class whose entry point does not load, until a config asks for it."""

import warnings
from importlib.metadata import EntryPoint

from robovlms_mobile.errors import RegistrationError


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
