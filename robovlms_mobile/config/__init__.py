"""The JSON config: load it as upstream does, say everything that is wrong with it at once. Nothing heavy."""

from robovlms_mobile.config.keys import MOBILE_KEYS
from robovlms_mobile.config.lint import lint
from robovlms_mobile.config.load import load_config

__all__ = ["MOBILE_KEYS", "lint", "load_config"]
