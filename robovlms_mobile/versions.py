"""Versions of installed packages, for what is written down of a run or a policy."""

import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("robovlms-mobile", "torch", "lightning", "transformers", "peft", "h5py", "numpy", "pillow", "safetensors")


def versions() -> dict[str, str | None]:
    """Return Python's version, and package → version, None for one that is not installed."""
    found = {"python": platform.python_version(), **dict.fromkeys(PACKAGES, None)}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
