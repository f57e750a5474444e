"""Every fault of a config's dataset blocks is named, in lint and in the run alike."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
from support.configs import found

from robovlms_mobile.config.keys import FROM_ABOVE
from robovlms_mobile.config.lint import lint
from robovlms_mobile.data.block import BLOCK_KEYS, RULES, Block, parse_block
from robovlms_mobile.errors import ConfigError


class TestDatasets:
    def test_an_unknown_key_is_an_error_with_the_closest(self, config):
        level, text = found(config(train_dataset={"colour_order": "bgr"}))["train_dataset.colour_order"]
        assert level == "error" and "'color_order'" in text

    @pytest.mark.parametrize(
        ("key", "wrong"),
        [
            ("windows", "all"),
            ("color_order", "RGB"),
            ("on_bad_episode", "ignore"),
            ("real_dims", ["linear_z"]),
            ("real_dims", []),
            ("train_split", 80),
            ("rgb_pad", "10"),
            ("instruction", {}),
            ("episode_pattern", []),
            ("shift_first", "no"),
            ("one_sided", "yes"),
            ("batch", "day"),
        ],
    )
    def test_a_wrong_value_is_an_error(self, config, key, wrong):
        assert found(config(train_dataset={key: wrong}))[f"train_dataset.{key}"][0] == "error"

    @pytest.mark.parametrize("key", ["data_dir", "windows", "train_split", "real_dims", "instruction", "mirror"])
    def test_the_run_refuses_what_lint_does_in_the_same_words(self, config, key):
        given = config(train_dataset={key: {}})
        expected = found(given)[f"train_dataset.{key}"][1].split(", expected ")[1].split(" | ")[0]
        with pytest.raises(ConfigError, match=re.escape(f"{key} is {{}}, expected {expected}")):
            parse_block({"data_dir": ".", **given["train_dataset"]})

    def test_every_key_is_described_where_it_is_defined_and_in_the_documents(self):
        project = next(path for path in Path(__file__).resolve().parents if (path / "configs").is_dir())
        document = (project / "configs/README.md").read_text(encoding="utf-8")
        assert list(RULES) == [field.name for field in fields(Block)]
        assert [name for name in RULES if f"        {name}: " not in Block.__doc__ or f"`{name}`" not in document] == []

    def test_every_documented_value_is_fine(self, config):
        block = {
            "episode_pattern": ["episode_20251114_*.h5", "episode_20251106_*.h5"],
            "train_split": 0.8,
            "windows": "padded",
            "shift_first": True,
            "color_order": "bgr",
            "real_dims": ["linear_x", "linear_y", "angular_z"],
            "instruction": {"left": "Pass on the left.", "default": "Drive."},
            "on_bad_episode": "skip",
            "one_sided": True,
            "model_name": "kosmos",
        }
        given = config(train_dataset={**block, "rgb_pad": 10}, val_dataset={**block, "is_validation": True})
        assert lint(given) == []

    @pytest.mark.parametrize("name", ["norm_min", "window_size", "norm_action"])
    def test_what_belongs_to_the_top_level_is_an_error_where_it_differs(self, config, name):
        given = config()
        given["train_dataset"][name] = given[name]
        assert lint(given) == []
        given["train_dataset"][name] = -2
        level, text = found(given)[f"train_dataset.{name}"]
        assert level == "error" and f"set {name} instead" in text
        assert name in FROM_ABOVE and name not in BLOCK_KEYS

    def test_a_block_in_the_wrong_role_is_an_error(self, config):
        assert found(config(train_dataset={"is_validation": True}))["train_dataset.is_validation"][0] == "error"
        assert found(config(val_dataset={"is_validation": False}))["val_dataset.is_validation"][0] == "error"

    def test_two_splits_of_the_same_files_are_an_error(self, config):
        assert found(config(val_dataset={"train_split": 0.5}))["val_dataset.train_split"][0] == "error"

    def test_blocks_of_different_meaning_are_named(self, config):
        assert found(config(val_dataset={"color_order": "bgr"}))["val_dataset"][0] == "warn"
        assert "rate, leave_out" in found(config(val_dataset={"rate": 2.0, "leave_out": ["stop"]}))["val_dataset"][1]
        assert found(config(val_dataset={"real_dims": ["linear_x"]}))["val_dataset.real_dims"][0] == "error"

    def test_blocks_in_lists_are_looked_at_too(self, config):
        given = config()
        given["train_dataset"] = [
            given["train_dataset"],
            {"type": "MobileVLAH5Dataset", "data_dir": "d", "windws": "full"},
        ]
        assert "train_dataset[1].windws" in found(given)

    def test_other_datasets_keep_their_own_keys(self, config):
        assert lint(config(train_dataset={"type": "Other", "anything": 1}, val_dataset={"type": "Other"})) == []
        assert found(config() | {"train_dataset": {}})["train_dataset"][0] == "error"
