"""The model of a run as its config builds it, on fake tensors: every shape and precision, and no byte of weights."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import nn

from robovlms_mobile.model.base_weights import RENAMED
from robovlms_mobile.model.host_embedding import HostEmbedding
from robovlms_mobile.policy.building import build


def weightless(configs: dict, root: str | Path, architecture: Any = None) -> nn.Module:
    """Return upstream's backbone with its head, on the meta device, adapters in it, as a run of `configs` has it.

    Args:
        architecture: the base model's config of transformers; None reads the base model's folder.

    Raises:
        ModelError, CheckpointError: as `policy.building.build`.
    """
    with _from_architecture(configs["vlm"], architecture), torch.device("meta"):
        return build(configs, root)


def to_fake(model: nn.Module) -> None:
    """Give a model from the meta device fake tensors that say they are on the CPU. Called inside a FakeTensorMode.

    What several modules share they share afterwards. A table that stays at the host is not the device's.
    """
    known: dict[int, nn.Parameter] = {}
    for module in model.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None and id(parameter) not in known:
                known[id(parameter)] = nn.Parameter(_like(parameter), requires_grad=parameter.requires_grad)
            module._parameters[name] = None if parameter is None else known[id(parameter)]
        for name, buffer in module._buffers.items():
            module._buffers[name] = None if buffer is None else _like(buffer)
    for module in model.modules():
        if isinstance(module, nn.LSTM):  # which keeps a list of its own
            module._flat_weights = [getattr(module, name) for name in module._flat_weights_names]


def host_tables(model: nn.Module) -> list[HostEmbedding]:
    """Return the embeddings whose tables stay at the host."""
    return [each for each in model.modules() if isinstance(each, HostEmbedding)]


def _like(tensor):
    return torch.empty(tensor.shape, dtype=tensor.dtype, device="cpu")


@contextmanager
def _from_architecture(vlm: dict, architecture: Any) -> Iterator[None]:
    """Let transformers build what it would load."""
    import transformers

    kind = vlm.get("type", "AutoModel")
    stock = getattr(transformers, kind, None) or getattr(transformers, RENAMED.get(kind, kind))

    def built(path, **options):
        return stock.from_config(architecture or transformers.AutoConfig.from_pretrained(path))

    with patch.object(stock, "from_pretrained", built):
        yield
