"""Every fault of a config is named at once."""

import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from support.configs import found

from robovlms_mobile.config.keys import MOBILE_KEYS
from robovlms_mobile.config.lint import lint
from robovlms_mobile.config.load import load_config

CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073]


def test_importing_it_loads_nothing_heavy():
    code = "import sys, robovlms_mobile.config.load; print([m for m in ('torch', 'numpy', 'h5py') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


class TestRequired:
    def test_a_faultless_config_has_no_findings(self, config):
        assert lint(config(), cuda=False) == []

    def test_all_missing_keys_are_named_at_once(self, make_config, config):
        given = config()
        del given["seed"], given["resume"], given["trainer"]["max_steps"], given["train_setup"]["lora_alpha"]
        del given["act_head"]["down_sample"]
        seen = found(given)
        assert "seed, resume" in seen["top level"][1]
        assert "max_steps" in seen["trainer"][1]
        assert "lora_alpha" in seen["train_setup"][1]
        assert "down_sample" in seen["act_head"][1]
        assert {level for level, _ in seen.values()} == {"error"}

    def test_lora_keys_are_required_with_lora_only(self, config):
        given = config(train_setup={"lora_enable": False})
        for key in ("lora_r", "lora_alpha", "lora_dropout", "lora_bias"):
            del given["train_setup"][key]
        assert lint(given) == []

    def test_an_empty_config_and_wrong_types_do_not_crash_it(self, config):
        assert found({})["top level"][0] == "error"
        for wrong in (None, 3, "text", [], {}, [{}], True):
            for key, value in config().items():
                lint(config() | {key: wrong}, cuda=False)
                for inner in value if isinstance(value, dict) else ():
                    lint(config() | {key: {**value, inner: wrong}}, cuda=False)

    def test_a_section_that_is_no_object_is_named(self, config):
        assert "expected an object" in found(config() | {"trainer": None})["trainer"][1]

    @pytest.mark.parametrize("wrong", [0, -1, 1.5, "2", True, None])
    def test_zero_or_odd_workers_are_an_error(self, config, wrong):
        level, text = found(config() | {"num_workers": wrong})["num_workers"]
        assert level == "error" and "worker" in text

    def test_bounds_must_be_ordered(self, config):
        assert found(config(norm_min=1, norm_max=-1))["norm_min, norm_max"][0] == "error"


class TestIgnoredAndOverwritten:
    @pytest.mark.parametrize(
        ("where", "overrides"),
        [
            ("trainer.gradient_clip_val", {"trainer": {"gradient_clip_val": 1.0}}),
            ("trainer.devices", {"trainer": {"devices": 2}}),
            ("gpus", {"gpus": 4}),
            ("num_nodes", {"num_nodes": 2}),
            ("train_setup.precision", {"train_setup": {"precision": "bf16"}}),
            ("act_head.window_size", {"act_head": {"window_size": 1}}),
            ("act_head.fwd_pred_next_n", {"act_head": {"fwd_pred_next_n": 1}}),
            ("optimizer", {"optimizer": "sgd"}),
            ("warmup_ratio", {"warmup_ratio": 0.1}),
            ("image_mean", {"image_mean": [0.5, 0.5, 0.5]}),
            ("image_std", {"image_std": 0.5}),
            ("tokenizer.max_text_len", {"tokenizer": {"max_text_len": 64}}),
            ("train_setup.mm_projector_lr", {"train_setup": {"mm_projector_lr": 1e-3}}),
            ("train_setup.mm_use_im_start_end", {"train_setup": {"mm_use_im_start_end": True}}),
        ],
    )
    def test_a_value_that_would_change_something_is_a_warning(self, config, where, overrides):
        seen = found(config(**overrides))
        assert list(seen) == [where] and seen[where][0] == "warn"

    def test_the_usual_defaults_of_ignored_keys_are_no_findings(self, config):
        given = config(
            trainer={"gradient_clip_val": 1.0},
            gradient_clip_val=1.0,
            gpus=1,
            num_nodes=1,
            optimizer="adam",
            warmup_ratio=None,
            image_mean=CLIP_MEAN,
            act_head={"window_size": 4, "fwd_pred_next_n": 10},
            train_setup={
                "precision": "32",
                "gradient_checkpointing": True,
                "bits": -1,
                "mm_projector_lr": 1e-4,
                "mm_use_im_start_end": False,
            },
        )
        assert lint(given) == []

    def test_a_stock_upstream_config_gives_a_handful(self, upstream_root, tmp_path):
        stock = next((upstream_root / "configs/calvin_finetune").glob("finetune_kosmos*_ws-8_*.json"), None)
        if stock is None:
            pytest.skip("the stand-in has no configs")
        seen = found(load_config(stock), root=tmp_path, cuda=True)
        assert {where for where, (level, _) in seen.items() if level == "error"} == {
            where for where in seen if "vlm" in where
        }
        assert len(seen) <= 8


class TestTrainerAndModel:
    def test_an_unknown_trainer_option_is_an_error_with_the_closest(self, config):
        level, text = found(config(trainer={"max_epoch": 3}))["trainer.max_epoch"]
        assert level == "error" and "max_epochs" in text

    def test_every_option_of_the_installed_lightning_is_known(self, config):
        from lightning.pytorch import Trainer

        for name in set(inspect.signature(Trainer.__init__).parameters) - {"self"}:
            assert "no such option" not in found(config(trainer={name: None})).get(f"trainer.{name}", ("", ""))[1]

    def test_without_lightning_the_options_are_said_to_be_unchecked(self, config, monkeypatch):
        monkeypatch.setitem(sys.modules, "lightning.pytorch", None)
        level, text = found(config(trainer={"max_epoch": 3}))["trainer"]
        assert level == "warn" and "not checked" in text

    @pytest.mark.parametrize("precision", ["16-mixed", 16, "bf16-mixed"])
    def test_half_precision_that_a_cpu_has_not_is_an_error(self, config, precision, monkeypatch):
        monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
        given = config(trainer={"precision": precision, "accelerator": "auto"})
        assert found(given, cuda=False)["trainer.precision"][0] == "error"
        assert lint(given, cuda=True) == [] == lint(given)

    def test_bf16_on_a_cpu_that_has_it_is_fine(self, config, monkeypatch):
        monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)
        assert lint(config(trainer={"precision": "bf16-mixed", "accelerator": "auto"}), cuda=False) == []

    def test_an_asked_for_gpu_that_is_not_there_is_an_error(self, config):
        assert found(config(trainer={"accelerator": "gpu"}), cuda=False)["trainer.accelerator"][0] == "error"

    @pytest.mark.parametrize("strategy", ["deepspeed_stage_2", "fsdp"])
    def test_a_strategy_that_shards_the_model_is_an_error(self, config, strategy):
        level, text = found(config(trainer={"strategy": strategy}))["trainer.strategy"]
        assert level == "error" and "shards the model" in text and "ddp" in text

    def test_an_unknown_logger_is_an_error(self, config):
        assert found(config(trainer={"logger": ["csv", "wandb"]}))["trainer.logger"][0] == "error"

    def test_kosmos_as_model_name_is_a_warning_that_says_what_to_write(self, config):
        level, text = found(config(model="kosmos"))["model"]
        assert level == "warn" and "kosmos2" in text and "tokenizer_type" in text

    def test_a_model_name_without_a_prompt_is_an_error(self, config):
        given = config()
        del given["tokenizer"]["tokenizer_type"]
        assert "no prompt" in found(given)["model"][1]

    def test_seven_action_dims_continuous_with_a_head(self, config):
        assert found(config(act_head={"action_dim": 2}))["act_head.action_dim"][0] == "error"
        assert found(config(act_head={"action_space": "discrete"}))["act_head.action_space"][0] == "error"
        assert found(config() | {"act_head": None})["act_head"][0] == "error"
        level, text = found(config(act_head={"type": "MobileLSTMDecoder", "gripper": True}))["act_head.gripper"]
        assert level == "error" and "no such option" in text and '"type": "LSTMDecoder"' in text


class TestPaths:
    def test_an_absent_model_is_one_error_that_names_all_three_keys(self, config, tmp_path):
        absent = {"pretrained_model_name_or_path": "absent/vlm"}
        given = config(
            model_path="absent/vlm", tokenizer=absent, vlm=absent, model_url="https://huggingface.co/org/name"
        )
        (finding,) = lint(given, root=tmp_path)
        assert finding.level == "error" and "git clone" in finding.what and "vlm." in finding.where
        assert "hf download org/name --local-dir absent/vlm" in finding.fix

    def test_paths_are_seen_from_root(self, config, tmp_path):
        relative = {"pretrained_model_name_or_path": "vlm"}
        given = config(model_path="vlm", tokenizer=relative, vlm=relative)
        assert lint(given, root=tmp_path) == []
        assert len(lint(given, root=tmp_path / "vlm")) == 1

    def test_a_hub_name_is_an_error_for_the_model_and_a_warning_for_the_tokenizer(self, config):
        hub = {"pretrained_model_name_or_path": "microsoft/kosmos-2-patch14-224"}
        assert found(config(tokenizer=hub))["tokenizer.pretrained_model_name_or_path"][0] == "warn"
        level, text = found(config(vlm=hub))["vlm.pretrained_model_name_or_path"]
        assert level == "error" and ".vlms/kosmos-2-patch14-224" in text

    def test_three_paths_that_disagree_are_a_warning(self, config, tmp_path):
        (tmp_path / "other").mkdir()
        (finding,) = lint(config(tokenizer={"pretrained_model_name_or_path": str(tmp_path / "other")}))
        assert finding.level == "warn" and "do not agree" in finding.what

    def test_what_a_run_continues_from_must_exist(self, config):
        assert found(config(resume="absent.ckpt"))["resume"][0] == "error"
        assert lint(config(resume="last")) == []


class TestMobile:
    def test_the_documented_options_are_fine(self, config):
        switches = {"base_dtype", "optimizer", "embeddings", "audit", "verbose"}
        assert set(MOBILE_KEYS) == {"lora", "checkpoints", "frames"} | switches
        given = {
            "lora": {"targets": "text"},
            "checkpoints": {"every_n_epochs": 5},
            "frames": {"store": "off", "dir": "d"},
            "optimizer": "adamw8bit",
            "audit": "warn",
            "verbose": True,
        }
        assert lint(config(mobile=given)) == []

    @pytest.mark.parametrize(
        ("mobile", "where", "hint"),
        [
            ({"Lora": {}}, "mobile.Lora", "'lora'"),
            ({"verbose": "yes"}, "mobile.verbose", "true or false"),
            ({"audit": True}, "mobile.audit", '"stop" or "warn" or "off"'),
            ({"verbos": True}, "mobile.verbos", "'verbose'"),
            ({"lora": {"target": "text"}}, "mobile.lora.target", "'targets'"),
            ({"frames": {"stor": "off"}}, "mobile.frames.stor", "'store'"),
            ({"lora": {"targets": "(["}}, "mobile.lora.targets", "regular expression"),
            ({"checkpoints": {"every_n_epochs": 0}}, "mobile.checkpoints.every_n_epochs", "> 0"),
            ({"lora": "text"}, "mobile.lora", "expected an object"),
            ([], "mobile", "expected an object"),
        ],
    )
    def test_unknown_options_and_values_are_errors(self, config, mobile, where, hint):
        level, text = found(config() | {"mobile": mobile})[where]
        assert level == "error" and hint in text


def test_the_shipped_configs_load_and_lint_clean_but_for_the_model(monkeypatch):
    project = next(path for path in Path(__file__).resolve().parents if (path / "configs").is_dir())
    monkeypatch.chdir(project)
    for path in sorted((project / "configs").glob("*.json")):
        others = [each for each in lint(load_config(path), cuda=True) if not each.where.startswith("model_path")]
        assert others == [], path.name


def write(path, text):
    path.write_text(text if isinstance(text, str) else json.dumps(text), encoding="utf-8")
    return path
