"""The RoboVLMs checkout: find it, fetch it, say how it stands, patch it. No torch, no import of `robovlms` itself.

`patches/series.json` says what is expected. A module loads when it is asked for: a run only looks for the folder.
"""

import importlib
from typing import Any

HOME = {
    "Series": "series",
    "checkout_status": "working_copy",
    "fetch": "fetching",
    "find_checkout": "location",
    "patch": "patching",
    "require_checkout": "location",
    "unpatch": "patching",
}


def __getattr__(name: str) -> Any:
    if name not in HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{HOME[name]}"), name)
