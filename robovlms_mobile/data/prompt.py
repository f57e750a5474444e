"""Instructions as a base model's tokens: upstream's own function for it, in a form that workers can be given."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor


def text_function(config: Mapping[str, Any]) -> Callable[[list[str]], tuple[Tensor, Tensor]] | None:
    """Return what tokenises B sentences, → ids (B, L) and mask (B, L); None where `config` names no tokenizer.

    Args:
        config: a dataset's keywords.
    """
    if config.get("tokenizer") is None:
        return None
    name = (config.get("tokenizer_config") or {}).get("tokenizer_type") or config.get("model_name")
    return functools.partial(tokens, config["tokenizer"], name)


def tokens(tokenizer: Any, name: str | None, sentences: list[str]) -> tuple[Tensor, Tensor]:
    """Return ids (B, L) and mask (B, L) of B sentences, as upstream's own function makes them.

    Upstream makes a closure, which pickle refuses: a worker that is spawned (macOS, Python 3.14) makes its own.
    """
    from robovlms.data.data_utils import get_text_function

    return get_text_function(tokenizer, name)(sentences)
