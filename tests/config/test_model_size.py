"""The estimate of trainable parameters against models that are really built."""

from itertools import pairwise
from pathlib import Path

import pytest
import torch

from robovlms_mobile.config.load import load_config
from robovlms_mobile.config.model_size import MLP, estimate
from robovlms_mobile.doctor.output import trainable_bytes
from robovlms_mobile.errors import ConfigError
from robovlms_mobile.model.lora import add_lora, is_lora, target_pattern


def config(folder, targets="text", **head):
    return {
        "vlm": {"pretrained_model_name_or_path": str(folder)},
        "fwd_pred_next_n": 10,
        "train_setup": {"lora_enable": True, "lora_r": 4, "freeze_backbone": True},
        "mobile": {"lora": {"targets": targets}},
        "act_head": {"type": "MobileLSTMDecoder", "hidden_size": 32, "action_dim": 7, "latent": 1, **head},
    }


@pytest.mark.parametrize("targets", ["text", "attention"])
def test_the_estimate_of_adapters_is_what_peft_adds(tiny_vlm, targets):
    from transformers import Kosmos2ForConditionalGeneration

    model = Kosmos2ForConditionalGeneration.from_pretrained(tiny_vlm)
    pattern = target_pattern(model, model.text_model.model, model.vision_model, targets)
    add_lora(model, pattern, r=4, alpha=8, dropout=0.0)
    added = sum(parameter.numel() for name, parameter in model.named_parameters() if is_lora(name))
    assert estimate(config(tiny_vlm, targets)).lora == added


def test_the_estimate_of_the_lstm_head_is_what_torch_builds(tiny_vlm):
    widths = (32, *MLP, 60)
    layers = [torch.nn.Linear(a, b) for a, b in pairwise(widths)]
    modules = [torch.nn.LSTM(64, 32, 4), *layers]
    built = sum(parameter.numel() for module in modules for parameter in module.parameters())
    found = estimate(config(tiny_vlm))
    assert found.head == built
    assert found.total == found.lora + built
    assert "config.json" in found.sizes_from


def test_kosmos_2_is_28_million_of_adapters_and_14_of_head_or_39_with_the_labs_four_layers():
    lab = load_config(Path(__file__).parents[2] / "configs/mobile_vla_lora.json")
    found = estimate(lab | {"vlm": {}, "model_path": "nowhere"})
    assert (found.lora, found.head) == (28_311_552, 14_312_252)
    lab["act_head"]["num_layers"] = 4
    assert estimate(lab | {"vlm": {}, "model_path": "nowhere"}).head == 39_502_652


@pytest.mark.parametrize("change", [{}, {"num_layers": 1}, {"type": "MobileFCDecoder"}, {"latent": 2}])
def test_the_doctor_and_the_report_say_the_same(tiny_vlm, change):
    given = config(tiny_vlm, **change)
    assert trainable_bytes(given) == 4 * estimate(given).total


def test_without_the_model_folder_the_sizes_are_kosmos_2s():
    found = estimate(config("nowhere"))
    assert found.lora == 4 * 24 * (4 * 2 * 2048 + 2 * (2048 + 8192))
    assert "Kosmos-2" in found.sizes_from


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"act_head": {"type": "MobileGPTDecoder"}}, "MobileGPTDecoder"),
        ({"act_head": None}, "none"),
        ({"mobile": {"lora": {"targets": "all"}}}, "text or attention"),
        ({"train_setup": {"lora_enable": False}}, "whole base model"),
    ],
)
def test_what_cannot_be_estimated_says_why(change, word):
    found = estimate({**config("nowhere"), **change})
    assert found.total is None
    assert word in found.why


def test_a_model_folder_with_a_broken_config_is_named(tmp_path):
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ConfigError, match=r"config\.json"):
        estimate(config(tmp_path))
