"""The contract that the plugin relies on, held against the test double and against the real checkout alike."""

import datetime
import json
from pathlib import Path

import pytest
from support.checkouts import SUPPORT
from support.configs import merge, minimal_config
from support.processes import git, run_python

PROBE = SUPPORT / "contract_probe.py"
WINDOW, CHUNK, TEXT = 4, 10, 5

GIVEN_TO_DATASETS = """
    act_step discrete discrete_action discrete_action_history fwd_pred_next_n image_fn image_size is_training
    max_action min_action model_name mu_val n_bin norm_action norm_max norm_min regular_action tcp_rel tokenizer
    tokenizer_config use_mu_law weights window_size x_mean x_std
"""
READ_FROM_CONFIG = """
    seed task_name model model_path robovlm_name output_root log_root cache_root trainer train_setup act_head fwd_head
    tokenizer vlm train_dataset val_dataset batch_size num_workers window_size fwd_pred_next_n image_size seq_len
    learning_rate min_lr_scale weight_decay use_hand_rgb cap_loss_ratio arm_gripper_loss_ratio fwd_loss_ratio resume
    trainer.precision trainer.max_steps trainer.max_epochs train_setup.predict_action train_setup.predict_forward
    train_setup.predict_forward_hand train_setup.predict_caption train_setup.freeze_backbone train_setup.lora_enable
    act_head.action_space tokenizer.type vlm.pretrained_model_name_or_path
"""


@pytest.fixture(scope="module")
def facts(upstream_root, tmp_path_factory):
    """What one toy run through the checkout's main.py showed; see contract_probe.py."""
    folder = tmp_path_factory.mktemp("contract")
    (folder / "config.json").write_text("{}")  # the base model's folder has one
    toys = {
        "robovlm_name": "ToyBackbone",
        "model_path": str(folder),
        "vlm": {"pretrained_model_name_or_path": str(folder)},
        "train_setup": {"lora_enable": False},
        "act_head": {"type": "LSTMDecoder", "hidden_size": 8},
        "train_dataset": {"type": "ToyDataset", "norm_min": -99},
        "val_dataset": {"type": "ToyDataset"},
        "batch_size": 2,
        "trainer": {"gradient_clip_val": 7.0, "enable_model_summary": False},
        "gradient_clip_val": 0.5,
    }
    config = folder / "run.json"
    config.write_text(json.dumps(merge(minimal_config(folder), toys)))
    command = [PROBE, upstream_root, config, folder / "facts.json"]
    done = run_python(command, cwd=folder, env={"CUDA_VISIBLE_DEVICES": ""}, timeout=120)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads((folder / "facts.json").read_text())


def test_package_file_is_the_empty_blob_the_patch_series_was_made_for(upstream_copy):
    mode, _, blob, path = git("-C", upstream_copy, "ls-tree", "HEAD", "robovlms/__init__.py").split()
    assert (mode, blob) == ("100755", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"), path


def test_trainer_and_its_callbacks_factory_come_before_model_and_data(facts):
    order = ["init_process_group nccl", "seed_everything", "Trainer", "callbacks_factory", "model", "data", "fit"]
    assert facts["events"] == order


def test_namespaces_are_imported_when_the_factory_runs(facts):
    assert facts["imported_at_factory"] == ["robovlms.data", "robovlms.model.backbone", "robovlms.model.policy_head"]


def test_names_are_where_upstream_looks_them_up(facts):
    names = {name.rpartition(".")[2]: set(found) for name, found in facts["names"].items()}
    seven = {"RoboFlamingo", "RoboKosMos", "RoboLLaVA", "RoboMoonDream", "RoboPaligemma", "RoboQwen", "RoboUform"}
    assert names["data"] >= {"DummyDataset"}
    assert names["backbone"] >= seven
    assert names["policy_head"] >= {"DiscreteDecoder", "FCDecoder", "GPTDecoder", "LSTMDecoder"}


def test_datasets_get_these_keywords_and_they_override_the_block(facts):
    own = {"episode_pattern", "windows", "color_order"}  # the block's other keys
    for names in facts["dataset_kwargs"].values():
        assert set(names) - own == set(GIVEN_TO_DATASETS.split())
    assert facts["is_training"] == {"train": True, "val": False}
    assert facts["norm_min"] == -1.15  # the block said -99


def test_loaders_drop_the_last_batch_and_need_a_worker(facts):
    assert facts["drop_last"] == {"train": True, "val": True}
    assert facts["prefetch_factor"] == 3
    assert facts["sampler"] == {"train": "RandomSampler", "val": "SequentialSampler"}
    assert facts["no_workers"].startswith("ValueError: prefetch_factor")


def test_batch_is_read_by_these_names(facts):
    wanted = ["action", "action_chunck", "chunck_mask", "data_source", "raw_text", "rgb", "text", "text_mask"]
    assert {name.rstrip("?") for name in facts["batch_keys"]} >= set(wanted)
    assert facts["cuda_calls"] > 0  # on a machine without CUDA


def test_processed_batch_keeps_upstreams_order(facts):
    out = facts["processed"]
    assert len(out) == 19
    assert out[0] == [2, WINDOW, 3, 2, 2]
    assert out[3] == out[4] == [2, TEXT]
    assert out[7:9] == [[2, WINDOW + CHUNK - 1, 6], [2, WINDOW + CHUNK - 1]]
    assert out[9:12] == [[2, WINDOW, CHUNK, 6], [2, WINDOW, CHUNK], [2, WINDOW, CHUNK]]
    assert out[16] == ["go", "go"]
    assert out[18] == "toy_action"


def test_model_is_called_on_embeddings_alone(facts):
    assert facts["model_call"] == ["attention_mask", "output_hidden_states"]
    assert facts["predicted"] == [[2, WINDOW, CHUNK, 6], [2, WINDOW, CHUNK, 1]]


def test_image_goes_after_the_first_token_and_the_action_token_before_the_last(facts):
    text, image, action = 1, 2, 3
    layout = facts["layout"]
    assert layout["embeds"] == [text, *[image] * 4, text, text, text, action, text]
    assert layout["mask"] == [1, 1, 1, 1, 1, 1, 1, 0, 1, 0]  # the prompt's own padding stays masked
    assert layout["read"] == [action]
    assert layout["n"] == [2, WINDOW, 1]


def test_source_without_action_gives_a_loss_without_gradient(facts):
    assert facts["loss_without_action_source"] is False


def test_metrics_have_upstreams_names(facts):
    names = {"loss", "loss_act", "loss_arm_act", "loss_gripper_act", "acc_gripper_act"}
    assert set(facts["metrics"]) >= {f"{phase}_{name}" for phase in ("train", "val") for name in names}


def test_upstream_brings_three_callbacks_and_saves_every_epoch(facts):
    ours = [name for name in facts["callbacks"] if name in ("SetupCallback", "LearningRateMonitor", "ModelCheckpoint")]
    assert ours == ["SetupCallback", "LearningRateMonitor", "ModelCheckpoint"]
    assert facts["save_top_k"] == -1


def test_output_folder_is_root_model_task_date_name(facts):
    *_, root, model, task, date, name = Path(facts["output_dir"]).parts
    assert (root, model, task, name) == ("output", "kosmos2", "test", "run")
    assert abs(datetime.date.fromisoformat(date) - datetime.date.today()) <= datetime.timedelta(days=1)


def test_gradient_clipping_comes_from_the_top_level(facts):
    assert facts["gradient_clip_val"] == 0.5  # the trainer block said 7


def test_required_keys_are_read_without_a_default(facts):
    assert facts["ended"] == "trained"
    assert set(facts["reads"]) >= set(READ_FROM_CONFIG.split())
    assert not set(facts["reads"]) & {"norm_min", "train_weights", "gradient_clip_val"}  # these have a default


@pytest.mark.parametrize("key", ["window_size", "act_head.action_space", "resume"])
def test_missing_required_key_is_a_key_error(facts, key):
    assert facts["without"][key] == f"KeyError: '{key.rpartition('.')[2]}'"


@pytest.mark.parametrize("key", ["seed", "learning_rate", "exp_name", "warmup_epochs"])
def test_missing_key_that_has_a_flag_is_none_and_a_type_error(facts, key):
    assert facts["without"][key].startswith("TypeError")


def test_unknown_trainer_key_is_a_type_error(facts):
    assert facts["unknown_trainer_key"].startswith("TypeError")


def test_model_named_kosmos_copies_a_file_into_transformers_after_the_trainer(facts):
    ended, *events = facts["kosmos"]
    copies = [event for event in events if event.startswith("cp tools/modeling_kosmos2.py ")]
    assert ended == "trained"
    assert len(copies) == 1
    assert events.index("Trainer") < events.index(copies[0]) < events.index("model")


def test_stock_lora_needs_llava(facts):
    assert facts["lora"] == "ModuleNotFoundError: No module named 'llava'"


@pytest.mark.parametrize("name", ["LSTMDecoder", "FCDecoder", "GPTDecoder"])
def test_heads_decode_bounded_chunks_and_score_them(facts, name):
    head = facts["heads"][name]
    if name == "GPTDecoder" and "not_importable" in head:
        pytest.skip(f"this checkout's GPTDecoder does not fit the installed transformers: {head['not_importable']}")
    assert head["shapes"] == [[2, WINDOW, CHUNK, 6], [2, WINDOW, CHUNK, 1]]
    assert head["bounded"]
    assert head["loss"] == ["acc_gripper", "loss_arm", "loss_gripper"]
    assert head["nothing_real_is_nan"]


def test_kosmos_prompt_is_upstreams(facts):
    assert facts["kosmos_prompt"] == ["<grounding>An image of a robot go left"]
    assert facts["text_shapes"] == [[1, TEXT], [1, TEXT]]


def test_normalizing_clips_first(facts):
    assert facts["normalized"] == pytest.approx([-1, 0, 1])
