"""What is said of a run ahead: its config, its base model, where it writes."""

import pytest
from support.doctor import look, only

from robovlms_mobile.config.load import load_config
from robovlms_mobile.doctor import configuration, model, output
from robovlms_mobile.doctor.checks import Subject


class TestConfig:
    def test_a_faultless_config_is_said_to_be_one(self, subject):
        assert [level for level, _, _ in look(configuration.content, subject())] == ["ok"]

    def test_every_lint_finding_is_passed_on(self, subject):
        seen = look(configuration.content, subject(num_workers=0, optimizer="sgd", train_dataset={"windws": "full"}))
        assert [where for _, where, _ in seen] == ["num_workers", "optimizer", "train_dataset.windws"]

    def test_a_logger_or_strategy_whose_package_is_missing_is_an_error(self, subject, monkeypatch):
        given = subject(trainer={"logger": ["tensorboard"], "strategy": "deepspeed"})
        monkeypatch.setattr(configuration, "find_spec", lambda name: None)
        assert [where for _, where, _ in look(configuration.needed_packages, given)] == [
            "trainer.logger",
            "trainer.strategy",
        ]
        monkeypatch.setattr(configuration, "find_spec", lambda name: name)
        assert look(configuration.needed_packages, given) == []


class TestModel:
    def test_a_whole_folder_is_fine(self, subject):
        assert {level for level, _, _ in look(model.files, subject())} == {"ok"}

    def test_the_tiny_base_model_is_fine(self, make_config, recordings):
        block = {"data_dir": str(recordings)}
        given = Subject(config=load_config(make_config(train_dataset=block, val_dataset=block)))
        seen = look(model.files, given)
        assert {level for level, _, _ in seen} == {"ok"}, seen

    @pytest.mark.parametrize(
        ("name", "content", "hint"),
        [
            ("config.json", b"{", "does not parse"),
            ("config.json", None, "is missing"),
            ("model.safetensors", None, "no weights"),
            ("model.safetensors", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 6", "git lfs pull"),
            ("model.safetensors", b"", "cut short"),
            ("model.safetensors", (2).to_bytes(8, "little") + b"{}more", "cut short"),
            ("model.safetensors.index.json", b'{"weight_map": {"a": "model-2.safetensors"}}', "is missing"),
            ("tokenizer.json", None, "no tokenizer file"),
            ("preprocessor_config.json", None, "AutoProcessor needs"),
        ],
    )
    def test_a_missing_or_damaged_file_is_an_error(self, subject, vlm, name, content, hint):
        (vlm / name).unlink(missing_ok=True)
        if content is not None:
            (vlm / name).write_bytes(content)
        (text,) = only(look(model.files, subject()), "error")
        assert hint in text and "failed itself" not in text

    def test_an_absent_folder_is_left_to_the_lint(self, subject):
        absent = {"pretrained_model_name_or_path": "absent"}
        seen = look(model.files, subject(vlm=absent, tokenizer=absent))
        assert [level for level, _, _ in seen] == ["warn"]


class TestOutput:
    def test_folders_that_can_be_written_to_are_fine_and_none_is_made(self, subject, tmp_path):
        assert [level for level, _, _ in look(output.folders, subject())] == ["ok"] * 3
        assert not (tmp_path / "runs").exists()

    def test_a_file_in_the_way_is_an_error(self, subject, tmp_path):
        (tmp_path / "runs").write_text("in the way")
        assert len(only(look(output.folders, subject()), "error")) == 3

    def test_little_room_is_a_warning(self, subject, monkeypatch):
        class Usage:
            free = 5 * 10**8

        monkeypatch.setattr(output.shutil, "disk_usage", lambda path: Usage)
        ((level, _, text),) = look(output.room, subject())
        assert level == "warn" and "500.0 MB free" in text and "room for one more of each" in text
        Usage.free = 10**12
        assert look(output.room, subject())[0][0] == "ok"

    def test_adapters_and_head_are_estimated_and_a_full_finetuning_by_the_weights(self, subject):
        adapters = output.checkpoint_bytes(subject().config)
        more = output.checkpoint_bytes(subject(trainer={"max_epochs": 100}).config)
        everything = output.trainable_bytes(
            subject(train_setup={"lora_enable": False, "freeze_backbone": False}).config
        )
        assert adapters < more and everything >= 10**9
        best_few = output.checkpoint_bytes(subject(mobile={"checkpoints": {"keep": 3}}).config)
        assert best_few - adapters == 3 * output.trainable_bytes(subject().config)
