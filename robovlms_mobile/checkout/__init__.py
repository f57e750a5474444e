"""The RoboVLMs checkout: find it, pin it, fetch it, patch it. Only this package knows upstream's paths.

Everything here reads `patches/series.json` for what is expected: upstream's URL, the pinned commit, and the files
that the patches change. No torch, no import of `robovlms` itself. What needs git is imported when it is asked for:
a run only wants to know where the checkout is.
"""

import importlib
from typing import Any

HOME = {
    "Patch": "series",
    "PatchState": "tree",
    "Series": "series",
    "Status": "working_copy",
    "checkout_status": "working_copy",
    "fetch": "fetching",
    "find_checkout": "working_copy",
    "patch": "patching",
    "require_checkout": "working_copy",
    "unpatch": "patching",
}


def __getattr__(name: str) -> Any:
    if name not in HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{HOME[name]}"), name)
