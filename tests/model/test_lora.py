"""Adapters: where they go, what they change, and that plain PEFT reads them."""

import copy

import pytest
import torch
from torch import nn

from robovlms_mobile.errors import ModelError
from robovlms_mobile.model.lora import add_lora, has_lora, is_lora, save_adapters, target_pattern


@pytest.fixture
def kosmos(tiny_vlm):
    from transformers import Kosmos2ForConditionalGeneration

    model = Kosmos2ForConditionalGeneration.from_pretrained(tiny_vlm).eval()
    model.requires_grad_(False)
    return model


def inject(model, targets="text", **options):
    pattern = target_pattern(model, model.text_model.model, model.vision_model, targets)
    add_lora(model, pattern, **{"r": 4, "alpha": 8, "dropout": 0.0, **options})
    return sorted({name.partition(".lora_")[0] for name, _ in model.named_parameters() if is_lora(name)})


def hidden(model):
    embeds = torch.linspace(-1, 1, 2 * 5 * 64).reshape(2, 5, 64)
    with torch.no_grad():
        return model.text_model.model(inputs_embeds=embeds, output_hidden_states=True).hidden_states[-1]


def test_text_means_attention_and_mlp_of_every_text_layer(kosmos):
    wrapped = inject(kosmos)
    layers = len(kosmos.text_model.model.layers)
    assert len(wrapped) == layers * 6
    assert all(name.startswith("text_model.model.layers.") for name in wrapped)


def test_attention_leaves_the_mlp_out(kosmos):
    wrapped = inject(kosmos, "attention")
    assert wrapped and all(".self_attn." in name for name in wrapped)


def test_all_reaches_the_vision_tower_and_never_lm_head(kosmos):
    wrapped = inject(kosmos, "all")
    assert any(name.startswith("vision_model.") for name in wrapped)
    assert any(name.startswith("image_to_text_projection.") for name in wrapped)
    assert not any("lm_head" in name for name in wrapped)


def test_a_regex_of_the_users_is_taken(kosmos):
    assert inject(kosmos, r"text_model\.model\.layers\.0\.ffn\.fc\d") == [
        "text_model.model.layers.0.ffn.fc1",
        "text_model.model.layers.0.ffn.fc2",
    ]


@pytest.mark.parametrize("targets", ["no_such_layer", "(", ".*lm_head"])
def test_targets_that_match_nothing_say_what_there_is(kosmos, targets):
    with pytest.raises(ModelError, match=r"mobile\.lora\.targets"):
        inject(kosmos, targets)


def test_fresh_adapters_change_nothing(kosmos):
    before = hidden(kosmos)
    inject(kosmos)
    torch.testing.assert_close(hidden(kosmos), before, rtol=0, atol=0)


def test_what_was_trainable_stays_trainable(kosmos):
    kosmos.vision_model.requires_grad_(True)
    inject(kosmos)
    base = [name for name, p in kosmos.named_parameters() if p.requires_grad and not is_lora(name)]
    assert base and all(name.startswith("vision_model.") for name in base)


def test_adapters_of_a_half_precision_model_train_in_full(kosmos):
    model = kosmos.to(torch.bfloat16)
    inject(model)
    assert {p.dtype for name, p in model.named_parameters() if is_lora(name)} == {torch.float32}
    assert model.text_model.model.layers[0].ffn.fc1.base_layer.weight.dtype == torch.bfloat16


def test_plain_peft_loads_the_folder_and_gives_the_same_hidden_states(kosmos, tiny_vlm, tmp_path):
    from peft import PeftModel
    from transformers import Kosmos2ForConditionalGeneration

    inject(kosmos)
    assert has_lora(kosmos)
    torch.manual_seed(0)
    for name, parameter in kosmos.named_parameters():
        if is_lora(name):
            nn.init.normal_(parameter, std=0.1)
    save_adapters(kosmos, tmp_path, str(tiny_vlm))
    plain = Kosmos2ForConditionalGeneration.from_pretrained(tiny_vlm).eval()
    before = hidden(copy.deepcopy(plain))
    loaded = PeftModel.from_pretrained(plain, str(tmp_path))
    torch.testing.assert_close(hidden(loaded.base_model.model), hidden(kosmos), rtol=0, atol=0)
    assert not torch.allclose(before, hidden(kosmos))


def test_linears_inside_a_multihead_attention_are_left_alone():
    model = nn.Module()
    model.layers = nn.ModuleList([nn.TransformerEncoderLayer(8, 2, 16)])
    model.vision = nn.Linear(2, 2)
    assert "self_attn" not in target_pattern(model, model.layers, model.vision, "all")
