"""The table of word embeddings stays where the machine's memory is, whatever the model is moved to."""

import pytest
import torch
from torch import nn

from robovlms_mobile.errors import ModelError
from robovlms_mobile.model.host_embedding import HostEmbedding, keep_on_host


def tied(trained=False):
    model = nn.ModuleDict({"embed": nn.Embedding(50, 4), "head": nn.Linear(4, 50, bias=False)})
    model["head"].weight = model["embed"].weight
    return model.requires_grad_(trained)


def test_rows_are_those_of_the_embedding_and_its_hooks_are_called():
    model, seen = tied(), []
    model["embed"].register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
    ids = torch.tensor([[3, 49], [0, 3]])
    expected = model["embed"](ids)
    keep_on_host(model, model["embed"])
    assert torch.equal(model["embed"](ids), expected) and seen == [(2, 2, 4)] * 2


def test_the_table_is_not_moved_with_the_model():
    model = tied()
    keep_on_host(model, model["embed"])
    assert list(model.parameters()) == [] == list(model.buffers())
    assert model.to("meta")["embed"].weight.device.type == "cpu"


def test_whoever_asks_for_scores_of_words_is_told_what_to_set():
    model = tied()
    keep_on_host(model, model["embed"])
    with pytest.raises(ModelError, match=r'"mobile\.embeddings" to "device"'):
        model["head"](torch.zeros(1, 4))


def test_a_trained_embedding_is_refused_and_left():
    model = tied(trained=True)
    with pytest.raises(ModelError, match="is trained"):
        keep_on_host(model, model["embed"])
    assert not isinstance(model["embed"], HostEmbedding)
