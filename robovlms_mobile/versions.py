"""Versions of installed packages, for what is written down of a run or a policy."""

import platform
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

STACK = ("robovlms-mobile", "torch", "transformers", "peft", "numpy", "pillow", "safetensors")


def stack() -> dict[str, str | None]:
    """Return the versions of what a policy computes with: package → version, and Python's."""
    return {"python": platform.python_version(), **versions_of(STACK)}


def versions_of(packages: Iterable[str]) -> dict[str, str | None]:
    """Return package → version, None for one that is not installed."""
    found: dict[str, str | None] = dict.fromkeys(packages)
    for package in found:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
