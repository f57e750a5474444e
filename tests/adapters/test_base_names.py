"""Base models whose tensors are named otherwise in their files than in the loaded model."""

import json
import re

import pytest
import torch
from safetensors.torch import load_file, save_file
from support.adapter_folders import write_json

from robovlms_mobile.adapters.base_names import stored_names
from robovlms_mobile.adapters.export import export
from robovlms_mobile.adapters.fingerprint import adapted_weights, fingerprint, stored_fingerprint, weight_files
from robovlms_mobile.errors import ModelError
from robovlms_mobile.model.lora import add_lora, is_lora, save_adapters


@pytest.fixture(scope="module")
def llava(tmp_path_factory):
    """A tiny LLaVA in the names its files have on the hub, which transformers 5 changes while loading."""
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = LlamaConfig(vocab_size=64, num_key_value_heads=2, **sizes)
    vision = CLIPVisionConfig(image_size=16, patch_size=8, projection_dim=32, **sizes)
    torch.manual_seed(0)
    model = LlavaForConditionalGeneration(LlavaConfig(vision_config=vision, text_config=text, image_token_index=0))
    folder = tmp_path_factory.mktemp("llava")
    model.save_pretrained(folder)
    assert "language_model.model.layers.0.self_attn.q_proj.weight" in weight_files(folder)
    return folder


@pytest.fixture(scope="module")
def adapters(llava, tmp_path_factory):
    """Adapters of its query projections, named as in the loaded model."""
    from transformers import LlavaForConditionalGeneration

    folder = tmp_path_factory.mktemp("run") / "best"
    folder.mkdir()
    model = LlavaForConditionalGeneration.from_pretrained(llava)
    model.requires_grad_(False)
    layers = [name for name, _ in model.named_modules() if "language_model" in name and name.endswith("q_proj")]
    add_lora(model, "|".join(map(re.escape, layers)), r=4, alpha=8, dropout=0.0, bias="none")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if is_lora(name):
                parameter.copy_(0.2 * torch.randn(parameter.shape))
    save_adapters(model, folder, str(llava))
    save_file({"model.act_head.bias": torch.zeros(3)}, folder / "policy.safetensors", metadata={"format": "pt"})
    base = fingerprint(adapted_weights(model))
    write_json(folder / "contract.json", {"base_model": str(llava), "base_fingerprint": base})
    write_json(folder / "metrics.json", {})
    return folder


def test_adapters_merge_into_a_base_whose_tensors_are_renamed_while_loading(llava, adapters, tmp_path):
    done = export(adapters, tmp_path / "out", merge=True)
    assert done.probe["reached"] == done.probe["adapted"] == 2
    assert done.probe["difference"] < 1e-5 < 1e-3 < done.probe["effect"]
    before, after = (load_file(folder / "model.safetensors") for folder in (llava, tmp_path / "out"))
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert len(changed) == 2 and all(name.endswith("q_proj.weight") for name in changed)


def test_another_base_of_renamed_tensors_is_told_apart(llava, adapters):
    config = json.loads((adapters / "contract.json").read_text())
    names = [f"{name}.weight" for name in _layers(adapters)]
    assert stored_fingerprint(llava, names) == config["base_fingerprint"]


def test_a_weight_that_nothing_is_renamed_to_is_left_out(llava):
    assert stored_names(llava, weight_files(llava), ["gone.weight"]) == {}
    with pytest.raises(ModelError, match=r"lacks 1 of the 1 weights asked for: gone\.weight"):
        stored_fingerprint(llava, ["gone.weight"])


def test_weights_that_transformers_makes_out_of_others_are_refused_by_name(llava, monkeypatch):
    mapping = pytest.importorskip("transformers.conversion_mapping")
    from transformers.core_model_loading import Chunk, WeightConverter

    def splits(model):
        return [WeightConverter("qkv", ["q_proj", "k_proj", "v_proj"], [Chunk(dim=0)])]

    monkeypatch.setattr(mapping, "get_model_conversion_mapping", splits)
    with pytest.raises(ModelError, match=r"makes them out of others .*: a\.k_proj\.weight.* without --base"):
        stored_names(llava, ["a.qkv.weight"], ["a.k_proj.weight"])


def _layers(folder):
    names = load_file(folder / "adapter_model.safetensors")
    return sorted(name.split("base_model.model.")[1].partition(".lora_A")[0] for name in names if ".lora_A" in name)
