"""Stock Kosmos-2 as upstream calls it: embeddings in, no pixels, on any transformers."""

import functools

from torch import nn


def accept_embeddings(kosmos: nn.Module) -> None:
    """Let `kosmos(inputs_embeds=…)` run the text model alone.

    Stock Kosmos-2 insists on pixels or image features, though upstream has already merged the image's features into
    the embeddings. Who asks for hidden states and gives no labels reads no logits (they are for captions and discrete
    actions): the 65 037 of each token are left out. Every other call reaches the stock forward.
    """
    stock = kosmos.forward

    @functools.wraps(stock)
    def forward(*args, **kwargs):
        image = args or any(kwargs.get(name) is not None for name in ("pixel_values", "image_embeds"))
        if image or kwargs.get("inputs_embeds") is None:
            return stock(*args, **kwargs)
        no_logits = kwargs.get("output_hidden_states") and kwargs.get("labels") is None
        return (kosmos.text_model.model if no_logits else kosmos.text_model)(**kwargs)

    kosmos.forward = forward
