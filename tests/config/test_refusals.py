"""What a run refuses is what lint calls an error, said before anything is built."""

import pytest
from support.configs import merge, minimal_config
from support.runs import TRAIN

from robovlms_mobile.config.half import half_precision
from robovlms_mobile.config.lint import lint
from robovlms_mobile.config.refusals import check_run
from robovlms_mobile.errors import ConfigError

BLOCK = {"type": "MobileVLAH5Dataset", "data_dir": "."}
NESTED = {"type": "ConcatDataset", "datasets": [BLOCK, {"type": "ConcatDataset", "datasets": [BLOCK]}]}
HALF = {"mobile": {"base_dtype": "bf16"}, "trainer": {"precision": "bf16-mixed"}}
WHOLE = {"train_dataset": {"batch": "episode"}}
REFUSED = [
    ("num_workers", {"num_workers": 0}, "set it to 1 or more"),
    ("trainer.precision", {"trainer": {"precision": "bf16-true"}}, '"bf16-mixed"'),
    ("trainer.precision", {"trainer": {"precision": "16-true"}}, '"16-mixed"'),
    ("trainer.strategy", {"trainer": {"strategy": "fsdp"}}, '"ddp"'),
    ("trainer.accelerator", {"trainer": {"accelerator": "cpu"}}, 'CUDA_VISIBLE_DEVICES=""'),
    ("val_dataset", {"val_dataset": [BLOCK]}, "episode_pattern"),
    ("val_dataset", {"val_dataset": [{"type": "DiskCalvinDataset"}]}, "episode_pattern"),
    ("train_dataset", {"train_dataset": [BLOCK, BLOCK]}, "episode_pattern"),
    ("val_dataset", {"val_dataset": NESTED}, "episode_pattern"),
    ("mobile.base_dtype", {"mobile": {"base_dtype": "int4"}}, '"auto"'),
    ("mobile.base_dtype", {"mobile": {"base_dtype": "bf16"}}, '"auto"'),
    ("mobile.base_dtype", {"mobile": {"base_dtype": "fp16"}, "trainer": {"precision": "bf16-mixed"}}, '"auto"'),
    ("mobile.base_dtype", {**HALF, "train_setup": {"train_vision": True}}, "freeze the backbone"),
    ("mobile.base_dtype", {**HALF, "train_setup": {"lora_bias": "all"}}, 'lora_bias to "none"'),
    ("train_setup.gradient_checkpointing", {"train_setup": {"gradient_checkpointing": "on"}}, '"auto"'),
    ("train_setup.gradient_checkpointing", {"train_setup": {"gradient_checkpointing": -1}}, '"auto"'),
    *(("mobile.optimizer", {"mobile": {"optimizer": told}}, "null") for told in ("sgd", True, False, -1)),
    *(("train_setup.bits", {"train_setup": {"bits": told}}, "-1") for told in (2, 1, 0, True, False)),
    ("train_setup.bits", {"train_setup": {"bits": 8, "train_vision": True}}, "freeze the backbone"),
    ("batch_size", {"batch_size": 4, **WHOLE}, "accumulate_grad_batches"),
    ("window_size", {"window_size": 1, **WHOLE}, '"window"'),
    ("act_head.type", {"act_head": {"type": "MobileGPTDecoder"}, **WHOLE}, '"window"'),
    ("act_head.history_type", {"act_head": {"history_type": "pre"}, **WHOLE}, '"window"'),
    ("act_head.action_space", {"act_head": {"action_space": "down_sample"}, **WHOLE}, '"window"'),
    ("use_clip_norm", {"use_clip_norm": True, **WHOLE}, '"window"'),
    ("train_dataset.balance", {"train_dataset": {"batch": "episode", "balance": "direction"}}, "null"),
]


def config(tmp_path, overrides):
    base = {**minimal_config(tmp_path), **{each: dict(BLOCK) for each in ("train_dataset", "val_dataset")}}
    base["trainer"]["accelerator"] = "auto"
    return merge(base, overrides)


@pytest.mark.parametrize(("where", "overrides", "fix"), REFUSED)
def test_the_run_and_lint_refuse_the_same(tmp_path, where, overrides, fix):
    given = config(tmp_path, overrides)
    assert [each.where for each in lint(given, cuda=True) if each.level == "error" and fix in each.fix] == [where]
    with pytest.raises(ConfigError) as caught:
        check_run(given, cuda=True)
    assert str(caught.value).startswith(where) and fix in str(caught.value)


@pytest.mark.parametrize("frames", ["features", ["features"], 3])
def test_a_section_that_is_no_object_is_an_error_of_lint(tmp_path, frames):
    found = lint(config(tmp_path, {"mobile": {"frames": frames}}), cuda=True)
    assert ("mobile.frames", "write it in braces") in [(each.where, each.fix) for each in found]


def test_a_faultless_config_and_the_run_of_another_are_let_be(tmp_path):
    check_run(config(tmp_path, {}), cuda=True)
    other = config(tmp_path, {"val_dataset": [{"type": "DiskCalvinDataset"}]})
    other |= {"train_dataset": {"type": "DiskCalvinDataset"}, "num_workers": 0}
    other["train_setup"]["lora_enable"] = False
    other["act_head"]["type"] = "LSTMDecoder"
    check_run(other, cuda=True)
    check_run(config(tmp_path, {"trainer": {"accelerator": "cpu"}}), cuda=False)


def test_blocks_nested_out_of_sight_make_a_run_ours(tmp_path):
    given = config(tmp_path, {"train_dataset": NESTED, "train_setup": {"lora_enable": False}})
    given["val_dataset"] = {"type": "DiskCalvinDataset"}
    with pytest.raises(ConfigError, match="train_dataset is nested"):
        check_run(given)


def test_all_of_it_is_said_at_once(tmp_path):
    given = config(tmp_path, {"num_workers": 0, "val_dataset": [BLOCK], "trainer": {"precision": "16-true"}})
    with pytest.raises(ConfigError) as caught:
        check_run(given)
    assert len(str(caught.value).splitlines()) == 3
    assert str(caught.value).splitlines()[0] == (
        "num_workers is 0, expected a whole number > 0 (upstream's loaders need a worker process): set it to 1 or more."
    )


@pytest.mark.heavy
def test_a_flag_that_asks_for_it_is_refused_as_well(upstream_root, make_config, run_python, tmp_path):
    command = [*TRAIN, upstream_root, make_config(), "--precision", "bf16-true"]
    done = run_python(command, cwd=tmp_path)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert 'trainer.precision is "bf16-true"' in done.stderr


def test_several_folders_are_one_block_with_several_patterns(tmp_path):
    from robovlms_mobile.data.episodes import find_episodes

    for name in ("day1/episode_1.h5", "day2/episode_2.h5"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    patterns = ["day1/episode_*.h5", "day2/episode_*.h5"]
    assert [path.parent.name for path in find_episodes(tmp_path, patterns)] == ["day1", "day2"]


@pytest.mark.parametrize(
    ("precision", "capability", "level", "fix"),
    [("bf16-mixed", (7, 5), "error", "16-mixed"), ("16-mixed", (8, 7), "warn", "bf16-mixed")],
)
def test_a_card_that_has_no_bf16_refuses_it_and_one_that_has_it_is_advised_to_take_it(
    precision, capability, level, fix
):
    ((found, _, advice),) = half_precision(precision, capability)
    assert found == level and f'"{fix}"' in advice


@pytest.mark.parametrize(
    ("precision", "capability"),
    [("bf16-mixed", (8, 0)), ("16-mixed", (7, 5)), ("32", (9, 0)), ("32", (6, 1)), ("bf16-mixed", None)],
)
def test_what_a_card_can_do_is_left_alone(precision, capability):
    assert list(half_precision(precision, capability)) == []
