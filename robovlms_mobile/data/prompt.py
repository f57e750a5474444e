"""Instructions as a base model's tokens: upstream's own function for it, in a form that workers can be given."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor


class TextFunction:
    """Upstream's tokenising function: list of B sentences → ids (B, L) and mask (B, L).

    Upstream makes a closure, which pickle refuses; a worker that is spawned and not forked (macOS, Python 3.14) gets
    what it is made of and makes it anew.
    """

    def __init__(self, tokenizer: Any, model_name: str | None):
        from robovlms.data.data_utils import get_text_function

        self.tokenizer, self.model_name = tokenizer, model_name
        self._function = get_text_function(tokenizer, model_name)

    def __call__(self, sentences: list[str]) -> tuple[Tensor, Tensor]:
        return self._function(sentences)

    def __reduce__(self):
        return TextFunction, (self.tokenizer, self.model_name)


def text_function(config: Mapping[str, Any]) -> TextFunction | None:
    """Return the function for a dataset's keywords, or None where they name no tokenizer."""
    if config.get("tokenizer") is None:
        return None
    name = (config.get("tokenizer_config") or {}).get("tokenizer_type") or config.get("model_name")
    return TextFunction(config["tokenizer"], name)
