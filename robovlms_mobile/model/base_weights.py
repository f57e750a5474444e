"""How the base model's weights are loaded, whatever precision its files hold and whichever transformers is there.

Left alone, transformers 4 loads in fp32 and transformers 5 in the precision of the files. A frozen layer whose weight
autocast would cast to half precision at each use, keeping that copy for the backward pass, is loaded in half precision
to begin with: the same numbers, bit for bit, in half the memory.
"""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import torch
from torch import nn

from robovlms_mobile.model.precision import STORED, TORCH

RENAMED = {"AutoModelForVision2Seq": "AutoModelForImageTextToText"}  # in transformers 5
LAYERS = (nn.Linear, nn.Conv2d)  # whose weights autocast casts; norms and embeddings stay in fp32


@contextmanager
def loaded_in(dtype: str, kind: str) -> Iterator[None]:
    """Let upstream's `build_vlm` load Linear and Conv weights in `dtype`, all others in fp32.

    Args:
        dtype: "fp32", "fp16" or "bf16".
        kind: the class of transformers that upstream takes, `vlm.type`.

    Each weight goes from the file to its precision; there is never a second copy of the model. A class that
    transformers has renamed since upstream's configs were written is found by its new name.
    """
    import robovlms.model.vlm_builder as upstream
    import transformers

    stock = getattr(transformers, kind, None) or getattr(transformers, RENAMED.get(kind, kind))
    asked = "dtype" if transformers.__version__ >= "5" else "torch_dtype"
    load = functools.partial(stock.from_pretrained, **{asked: torch.float32})
    layers = {each: each.__init__ for each in LAYERS}
    names, upstream.transformers = (
        upstream.transformers,
        SimpleNamespace(**{kind: SimpleNamespace(from_pretrained=load)}),
    )
    try:
        for layer, init in layers.items():
            layer.__init__ = functools.partialmethod(init, dtype=TORCH[STORED[dtype]])
        yield
    finally:
        upstream.transformers = names
        for layer, init in layers.items():
            layer.__init__ = init
