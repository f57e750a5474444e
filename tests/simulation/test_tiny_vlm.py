"""The tiny Kosmos-2 loads as the real one does, and is the same whoever writes it."""

import json

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

from robovlms_mobile.cli import main
from robovlms_mobile.errors import ModelError
from robovlms_mobile.simulation.tiny_vlm import make_tiny_vlm

PROMPT = "<grounding>An image of a robot {}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_tiny_vlm(tmp_path_factory.mktemp("vlm") / "tiny")


@pytest.fixture(scope="module")
def processor(folder):
    return transformers.AutoProcessor.from_pretrained(folder)


@pytest.fixture(scope="module")
def loaded(folder):
    auto = getattr(transformers, "AutoModelForImageTextToText", None) or transformers.AutoModelForVision2Seq
    model, report = auto.from_pretrained(folder, output_loading_info=True)
    return model.eval(), report


def test_it_loads_through_the_auto_classes_with_no_key_missing_or_left(loaded, processor):
    model, report = loaded
    assert type(model).__name__ == "Kosmos2ForConditionalGeneration"
    assert type(processor).__name__ == "Kosmos2Processor"
    assert not report["missing_keys"] and not report["unexpected_keys"] and not report["mismatched_keys"]
    assert sum(weight.numel() for weight in model.parameters()) < 400_000


def test_the_model_has_a_row_for_every_token(loaded, processor):
    tokenizer = processor.tokenizer
    assert len(tokenizer) == loaded[0].config.text_config.vocab_size < 2**18
    assert [tokenizer.bos_token_id, tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id] == [
        0,
        1,
        2,
        3,
    ]


@pytest.mark.parametrize("text", ["Drive around the box on the left to the cup.", "노란 컵까지 가세요", "zebra 42 🙂"])
def test_no_text_is_unknown_and_all_of_it_comes_back(processor, text):
    tokens = processor.tokenizer(PROMPT.format(text))["input_ids"]
    assert processor.tokenizer.unk_token_id not in tokens
    assert processor.tokenizer.convert_tokens_to_ids("<grounding>") in tokens
    assert processor.tokenizer.decode(tokens).endswith(f"{text}</s>")


def test_left_and_right_are_different_tokens(processor):
    left, right = (processor.tokenizer(PROMPT.format(side))["input_ids"] for side in ("left", "right"))
    assert len(left) == len(right)
    assert left != right


def test_image_and_text_reach_the_output(loaded, processor):
    model, _ = loaded
    states = {
        (shade, side): _last_state(model, processor, Image.new("RGB", (64, 36), (shade, 90, 30)), side)
        for shade in (0, 250)
        for side in ("left", "right")
    }
    base = states[0, "left"]
    assert torch.isfinite(base).all()
    assert (states[250, "left"] - base).abs().max() > 1e-3
    assert (states[0, "right"] - base).abs().max() > 1e-3


def _last_state(model, processor, image, side):
    """Encode as upstream does: vision model, post layer norm, projection, then the text model on embeddings."""
    pixels = torch.from_numpy(np.stack(processor.image_processor(image)["pixel_values"]))
    tokens = torch.tensor(processor.tokenizer([PROMPT.format(side)])["input_ids"])
    with torch.no_grad():
        seen = model.vision_model.model.post_layernorm(model.vision_model(pixel_values=pixels)[0])
        seen, _ = model.image_to_text_projection(torch.nn.functional.normalize(seen, dim=-1))
        words = model.text_model.model.embed_tokens(tokens)
        return model.text_model.model(inputs_embeds=torch.cat([words[:, :1], seen, words[:, 1:]], dim=1))[0][0, -1]


def test_the_files_depend_on_the_seed_alone(folder, tmp_path):
    same, other = make_tiny_vlm(tmp_path / "same"), make_tiny_vlm(tmp_path / "other", seed=1)
    for path in folder.iterdir():
        assert (same / path.name).read_bytes() == path.read_bytes()
    assert (other / "model.safetensors").read_bytes() != (folder / "model.safetensors").read_bytes()


def test_a_folder_with_something_else_is_never_replaced(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "kosmos-2"}')
    for overwrite in (False, True):
        with pytest.raises(ModelError, match="something else"):
            make_tiny_vlm(tmp_path, overwrite=overwrite)
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_overwriting_keeps_what_else_is_in_the_folder(tmp_path):
    make_tiny_vlm(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    make_tiny_vlm(tmp_path, seed=1, overwrite=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert json.loads((tmp_path / "config.json").read_text())["robovlms_mobile_tiny"] == {"seed": 1}


def test_the_verb_reports_in_json_and_refuses_a_second_time(tmp_path, capsys):
    asked = ["tiny-vlm", str(tmp_path / "vlm"), "--json"]
    assert main(asked) == 0
    assert json.loads(capsys.readouterr().out)["folder"] == str(tmp_path / "vlm")
    assert main(asked) == 1
    assert "--force" in capsys.readouterr().err
    assert main([*asked, "--force"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["vlm"]


def test_the_full_size_is_that_of_kosmos_2():
    import torch
    from transformers import Kosmos2Config, Kosmos2ForConditionalGeneration

    from robovlms_mobile.simulation.tiny_vlm import FULL, _config

    with torch.device("meta"):
        model = Kosmos2ForConditionalGeneration(Kosmos2Config.from_dict(_config(FULL.vocabulary, 0, FULL)))
    assert sum(each.numel() for each in model.parameters()) == 1_664_485_376


def test_shards_hold_what_one_file_does(folder, tmp_path):
    from safetensors.numpy import load_file

    from robovlms_mobile.simulation.random_weights import write_random

    write_random(tmp_path, json.loads((folder / "config.json").read_text()), 0, shard_bytes=200_000)
    parts = [load_file(path) for path in sorted(tmp_path.glob("model-*.safetensors"))]
    one = load_file(folder / "model.safetensors")
    assert len(parts) > 3 and sum(map(len, parts)) == len(one)
    assert all((one[name] == each).all() for part in parts for name, each in part.items())
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert index["weight_map"].keys() == one.keys()
