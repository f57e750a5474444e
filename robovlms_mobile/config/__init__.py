"""The JSON config: load it as upstream does, say everything that is wrong with it at once. Nothing heavy."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from robovlms_mobile.config.keys import MOBILE_KEYS as MOBILE_KEYS
    from robovlms_mobile.config.lint import lint as lint
    from robovlms_mobile.config.load import load_config as load_config

HOME = {  # name → the module it is in, imported when it is asked for: a run loads a config and lints none
    "MOBILE_KEYS": "keys",
    "lint": "lint",
    "load_config": "load",
}


def __getattr__(name: str) -> Any:
    if name not in HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(f"{__name__}.{HOME[name]}"), name)
    globals()[name] = found  # the function `lint`, where the import has just put the module of that name
    return found
