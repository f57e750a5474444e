"""The identity of a base model: the same in memory and on disk, whatever the path, sharding or precision."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from support.adapter_folders import adapted

from robovlms_mobile.adapters.fingerprint import adapted_weights, fingerprint, stored_fingerprint, weight_files
from robovlms_mobile.errors import ModelError

WEIGHTS = {"b.weight": torch.linspace(-3, 3, 7 * 200).reshape(7, 200), "a.bias": torch.arange(300.0)}


def stored(folder, weights):
    folder.mkdir(exist_ok=True)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def test_adapted_weights_are_named_as_in_the_base_models_files(tiny_vlm):
    names = [name for name, _ in adapted_weights(adapted(tiny_vlm).model.backbone)]
    assert len(names) == 2 * 6  # layers, linears
    assert "text_model.model.layers.0.self_attn.q_proj.weight" in names
    assert set(names) <= weight_files(tiny_vlm).keys()


def test_memory_and_disk_agree_on_a_real_model(tiny_vlm):
    weights = adapted_weights(adapted(tiny_vlm).model.backbone)
    assert stored_fingerprint(tiny_vlm, [name for name, _ in weights]) == fingerprint(weights)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_memory_and_disk_agree_in_every_precision(tmp_path, dtype):
    weights = {name: tensor.to(dtype) for name, tensor in WEIGHTS.items()}
    folder = stored(tmp_path / "base", weights)
    assert stored_fingerprint(folder, weights) == fingerprint(weights.items())
    upcast = {name: tensor.float() for name, tensor in weights.items()}
    assert fingerprint(upcast.items()) == fingerprint(weights.items())


def test_path_order_and_shards_do_not_matter(tmp_path):
    folder = tmp_path / "sharded"
    folder.mkdir()
    for number, (name, tensor) in enumerate(WEIGHTS.items()):
        save_file({name: tensor}, folder / f"part-{number}.safetensors")
    places = {name: f"part-{number}.safetensors" for number, name in enumerate(WEIGHTS)}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    assert stored_fingerprint(folder, WEIGHTS) == fingerprint(reversed(WEIGHTS.items()))
    assert stored_fingerprint(stored(tmp_path / "whole", WEIGHTS), WEIGHTS) == fingerprint(WEIGHTS.items())


@pytest.mark.parametrize("row", [0, 3, 6])
def test_a_changed_sampled_row_changes_it(row):
    other = WEIGHTS["b.weight"].clone()
    other[row] += 0.1
    assert fingerprint({**WEIGHTS, "b.weight": other}.items()) != fingerprint(WEIGHTS.items())


def test_another_name_or_shape_changes_it():
    turned = {**WEIGHTS, "b.weight": WEIGHTS["b.weight"].reshape(200, 7)}
    renamed = {"c.weight" if name == "b.weight" else name: tensor for name, tensor in WEIGHTS.items()}
    assert len({fingerprint(weights.items()) for weights in (WEIGHTS, turned, renamed)}) == 3


def test_weights_that_the_files_lack_are_all_named(tmp_path):
    folder = stored(tmp_path / "base", WEIGHTS)
    with pytest.raises(ModelError, match=r"lacks 2 of the 3 weights asked for: c\.weight, d\.weight"):
        stored_fingerprint(folder, ["a.bias", "c.weight", "d.weight"])


def test_a_pickle_is_not_read_and_the_way_out_is_named(tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"whatever")
    with pytest.raises(ModelError, match=r"pickle .* not read here.*save_pretrained"):
        stored_fingerprint(tmp_path, WEIGHTS)


@pytest.mark.parametrize(
    "index",
    ["{", "[]", "{}", '{"weight_map": {"a": "../model.safetensors"}}', '{"weight_map": {"a": "gone.safetensors"}}'],
)
def test_a_broken_index_is_refused(tmp_path, index):
    folder = stored(tmp_path / "base", WEIGHTS)
    shutil.copy(folder / "model.safetensors", tmp_path / "model.safetensors")
    (folder / "model.safetensors.index.json").write_text(index)
    with pytest.raises(ModelError, match=r"model\.safetensors\.index\.json"):
        stored_fingerprint(folder, WEIGHTS)


def test_a_damaged_file_and_an_empty_folder_are_refused(tmp_path):
    with pytest.raises(ModelError, match="hf download"):
        stored_fingerprint(tmp_path, WEIGHTS)
    (tmp_path / "model.safetensors").write_bytes(b"\xff" * 64)
    with pytest.raises(ModelError, match="cannot be read"):
        stored_fingerprint(tmp_path, WEIGHTS)


def test_the_rest_of_a_file_is_not_looked_at(tmp_path):
    """Only sampled rows are read: values between them do not count, which is what makes 6.6 GB cheap."""
    folder = stored(tmp_path / "base", WEIGHTS)
    before = stored_fingerprint(folder, WEIGHTS)
    weights = load_file(folder / "model.safetensors")
    weights["b.weight"][1] = 0
    assert stored_fingerprint(stored(tmp_path / "other", weights), WEIGHTS) == before
