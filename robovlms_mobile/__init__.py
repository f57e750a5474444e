"""LoRA finetuning for mobile robots, as a plugin to an unmodified RoboVLMs. Importing this loads nothing heavy."""

from importlib import metadata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from robovlms_mobile.plugin import Report

try:
    __version__ = metadata.version("robovlms-mobile")
except metadata.PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["__version__", "register"]


def register() -> "Report":
    """Put the plugin's classes into `robovlms`' namespaces and have its modules run without a GPU or unused packages.

    Idempotent; may be called before or after `robovlms` is imported. Changes nothing but upstream's own modules.

    Returns:
        what was done now, what is pending until `robovlms` is imported.

    Raises:
        RegistrationError: an entry point of another package is broken; everything else is registered.
    """
    from robovlms_mobile.plugin import register as _register

    return _register()
