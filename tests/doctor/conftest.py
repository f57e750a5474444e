"""A run that a doctor finds nothing wrong with: a base model's files, recordings, the subject of a config."""

import json

import pytest
from support.doctor import record

from robovlms_mobile.config.load import load_config
from robovlms_mobile.doctor.checks import Subject


@pytest.fixture
def vlm(tmp_path):
    """Folder with the files of a base model, tiny and whole, but no model anyone could load."""
    folder = tmp_path / "vlm"
    folder.mkdir()
    (folder / "config.json").write_text('{"text_config": {"embed_dim": 64, "layers": 2, "ffn_dim": 128}}')
    header = json.dumps({"weight": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(16))
    for name in ("tokenizer.json", "preprocessor_config.json"):
        (folder / name).write_text("{}")
    return folder


@pytest.fixture
def recordings(tmp_path):
    """Folder of ten small recorded episodes, 18 frames each."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    for i in range(10):
        record(folder / f"episode_20251114_{i + 8:02d}0000_1box_hori_left.h5", seed=i)
    return folder


@pytest.fixture
def subject(make_config, vlm, recordings):
    """Factory: the Subject of a faultless config with the keywords merged in."""
    blocks = {
        "tokenizer": {"pretrained_model_name_or_path": str(vlm)},
        "vlm": {"pretrained_model_name_or_path": str(vlm)},
        "train_dataset": {"data_dir": str(recordings), "windows": "padded"},
        "val_dataset": {"data_dir": str(recordings), "windows": "padded"},
    }

    def make(**overrides):
        merged = {name: {**value, **overrides.pop(name, {})} for name, value in blocks.items()}
        path = make_config(**{"model_path": str(vlm), **merged, **overrides})
        return Subject(config=load_config(path), config_path=str(path))

    return make
