"""A config that nothing can be said against."""

import pytest

from robovlms_mobile.config.load import load_config


@pytest.fixture
def config(make_config, tmp_path):
    """Factory: a faultless config with the keywords merged in, a dict; its model folder exists."""
    folder = tmp_path / "vlm"
    folder.mkdir()
    vlm = {"pretrained_model_name_or_path": str(folder)}
    dataset = {"data_dir": str(tmp_path)}

    def make(**overrides):
        blocks = {"tokenizer": vlm, "vlm": vlm, "train_dataset": dataset, "val_dataset": dataset}
        for name, value in blocks.items():
            overrides[name] = {**value, **overrides.get(name, {})}
        return load_config(make_config(**{"model_path": str(folder), **overrides}))

    return make
