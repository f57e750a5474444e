"""Which folder a run writes to and which state it resumes, settled before its model is built."""

import json
import os
import zipfile

import pytest

from robovlms_mobile.errors import CheckpointError, ConfigError
from robovlms_mobile.training.resume.folders import fresh_folder, is_whole, newest_state
from robovlms_mobile.training.resume.start import settle


def write_run(folder, experiment=None, age=0):
    """A run's folder with a whole state, `age` seconds old; its run.json only where `experiment` is given."""
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "last.ckpt", "w") as file:
        file.writestr("archive/data.pkl", bytes(range(256)) * 40)
    if experiment:
        (folder / "run.json").write_text(json.dumps({"config": {"exp_name": experiment}}))
    stamp = os.stat(folder / "last.ckpt").st_mtime - age
    os.utime(folder / "last.ckpt", (stamp, stamp))
    return folder / "last.ckpt"


def damage(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def settled(task, day="2026-02-02", **overrides):
    configs = {"exp_name": "lora", "trainer": {}, "mobile": {}, "resume": None}
    configs = {**configs, "output_dir": str(task / day / "lora"), **overrides}
    settle(configs)
    return configs["output_dir"], configs["resume"]


def test_a_new_run_never_writes_into_the_folder_of_another(tmp_path):
    assert settled(tmp_path)[0] == str(tmp_path / "2026-02-02" / "lora")
    write_run(tmp_path / "2026-02-02" / "lora")
    (tmp_path / "2026-02-02" / "lora-2" / "best").mkdir(parents=True)
    assert settled(tmp_path)[0] == str(tmp_path / "2026-02-02" / "lora-2")
    (tmp_path / "2026-02-02" / "lora-2" / "best" / "adapter_config.json").touch()
    assert fresh_folder(tmp_path / "2026-02-02" / "lora").name == "lora-3"


def test_last_is_the_newest_state_of_the_same_experiment_on_any_day(tmp_path):
    write_run(tmp_path / "2026-01-01" / "lora", age=50)
    newest = write_run(tmp_path / "2026-01-02" / "lora-2", "lora", age=20)
    write_run(tmp_path / "2026-01-02" / "other", age=10)
    write_run(tmp_path / "2026-01-03" / "lora-3", "lora-3", age=5)
    assert settled(tmp_path, resume="last") == (str(newest.parent), str(newest))


def test_last_without_an_earlier_run_starts_afresh_and_says_so(tmp_path, capsys):
    assert settled(tmp_path, resume="last") == (str(tmp_path / "2026-02-02" / "lora"), None)
    assert "no earlier run of 'lora': starting afresh" in capsys.readouterr().out


def test_a_damaged_state_is_passed_over_and_named(tmp_path, caplog):
    older = write_run(tmp_path / "2026-01-01" / "lora", age=50)
    newer = write_run(tmp_path / "2026-01-02" / "lora")
    damage(newer)
    assert newest_state(tmp_path, "lora") == older
    assert f"{newer} is damaged" in caplog.text


@pytest.mark.parametrize("cut", [0, 10, 5000])
def test_a_truncated_state_is_not_whole(tmp_path, cut):
    path = write_run(tmp_path / "lora")
    assert is_whole(path)
    path.write_bytes(path.read_bytes()[:cut])
    assert not is_whole(path)


def test_a_state_of_another_experiment_is_resumed_in_a_folder_of_its_own(tmp_path):
    state = write_run(tmp_path / "task" / "2026-01-01" / "other")
    assert settled(tmp_path / "task", resume=str(state))[0] == str(tmp_path / "task" / "2026-02-02" / "lora")
    own = write_run(tmp_path / "task" / "2026-01-01" / "lora")
    assert settled(tmp_path / "task", resume=str(own))[0] == str(own.parent)


def test_resume_from_nothing_or_from_damage_is_an_error(tmp_path):
    with pytest.raises(CheckpointError, match="not a file"):
        settled(tmp_path, resume=str(tmp_path / "last.ckpt"))
    path = write_run(tmp_path / "2026-01-01" / "lora")
    damage(path)
    with pytest.raises(CheckpointError, match="damaged"):
        settled(tmp_path, resume=str(path))


@pytest.mark.parametrize("strategy", ["fsdp", "deepspeed_stage_2"])
def test_a_sharded_run_is_refused_with_what_to_use_instead(tmp_path, strategy):
    with pytest.raises(ConfigError, match=r'shards the model.*"ddp"'):
        settled(tmp_path, trainer={"strategy": strategy})


def test_wrong_checkpoint_options_are_named_together(tmp_path):
    options = {"keep": 0, "dtype": "int8", "mode": "low"}
    with pytest.raises(ConfigError, match=r"mode is 'low'.*keep is 0.*dtype is 'int8'"):
        settled(tmp_path, mobile={"checkpoints": options})
    with pytest.raises(ConfigError, match=r"every_n_epoch'?.*every_n_epochs"):
        settled(tmp_path, mobile={"checkpoints": {"every_n_epoch": 3}})


def test_nothing_is_written_while_a_run_is_settled(tmp_path):
    write_run(tmp_path / "2026-01-01" / "lora")
    before = sorted(tmp_path.rglob("*"))
    settled(tmp_path, resume="last")
    settled(tmp_path)
    assert sorted(tmp_path.rglob("*")) == before
