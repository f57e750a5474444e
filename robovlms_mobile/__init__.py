"""LoRA finetuning for mobile robots, as a plugin to an unmodified RoboVLMs. Importing this loads nothing heavy."""

from importlib import metadata

try:
    __version__ = metadata.version("robovlms-mobile")
except metadata.PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["__version__", "register"]


def register() -> None:
    """Put the plugin's classes into `robovlms`' namespaces and have its modules run without a GPU or unused packages.

    Idempotent; may be called before or after `robovlms` is imported. Changes nothing but upstream's own modules.

    An entry point of another package that is broken is warned about; everything else is registered.
    """
    from robovlms_mobile.plugin import register as _register

    _register()
