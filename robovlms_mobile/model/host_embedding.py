"""The table of word embeddings in the machine's memory instead of the device's: a step reads dozens of its rows."""

from typing import Any

import torch
from torch import nn
from torch.nn.functional import embedding

from robovlms_mobile.errors import ModelError


class HostEmbedding(nn.Module):
    """Rows of a frozen embedding, looked up where the table is and taken to where the tokens are.

    The table is neither a parameter nor a buffer: moving the model to a device leaves it where it is.

    Args:
        stock: what it stands for; its hooks go on being called.
    """

    def __init__(self, stock: nn.Embedding):
        super().__init__()
        self.weight = stock.weight.detach()  # (tokens, width) float32
        self._forward_hooks.update(stock._forward_hooks)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Return the rows (…, width) of ids (…), on their device."""
        return embedding(ids.to(self.weight.device), self.weight).to(ids.device)


class NoLogits(nn.Module):
    """In the place of the output embedding, which has the same table."""

    def forward(self, *args: Any) -> torch.Tensor:
        raise ModelError(
            'Something asks for scores of words, and "mobile.embeddings" is "host", which keeps none on the device.',
            'Set "mobile.embeddings" to "device".',
        )


def keep_on_host(model: nn.Module, word_embedding: nn.Module) -> None:
    """Replace a base model's word embedding, and the output embedding that shares its table, in place.

    Args:
        model: the base model.
        word_embedding: a module somewhere in it.

    Raises:
        ModelError: it is trained, or something else than a torch embedding.
    """
    if not isinstance(word_embedding, nn.Embedding) or word_embedding.weight.requires_grad:
        raise ModelError(
            f'"mobile.embeddings" is "host", and the word embedding, a {type(word_embedding).__name__}, is trained or '
            "of another kind.",
            'Set "mobile.embeddings" to "device".',
        )
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if child is word_embedding:
                setattr(module, name, HostEmbedding(word_embedding))
            elif getattr(child, "weight", None) is word_embedding.weight:
                setattr(module, name, NoLogits())
