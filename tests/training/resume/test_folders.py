"""Which folder a run writes to and which state it resumes, settled before its model is built."""

import pickle
import zipfile

import pytest
import torch
from support.runs import write_run

from robovlms_mobile.errors import CheckpointError, ConfigError
from robovlms_mobile.training.resume.earlier import is_ours, is_whole, load, newest_state
from robovlms_mobile.training.resume.folders import fresh_folders
from robovlms_mobile.training.resume.lock import release
from robovlms_mobile.training.resume.start import settle


@pytest.fixture(autouse=True)
def _hold_nothing():
    yield
    release()


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
    assert next(fresh_folders(tmp_path / "2026-02-02" / "lora")).name == "lora-3"


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


OLD_TORCH = "2.5.1+cu121"


def test_an_old_torch_warns_of_a_state_that_another_run_wrote(tmp_path, monkeypatch, recwarn):
    monkeypatch.setattr(torch, "__version__", OLD_TORCH)
    own = write_run(tmp_path / "task" / "2026-01-01" / "lora")
    settled(tmp_path / "task", resume=str(own))
    assert not recwarn.list
    other = write_run(tmp_path / "task" / "2026-01-01" / "other")
    settled(tmp_path / "task", resume=str(other))
    (warning,) = recwarn.list
    assert str(other) in str(warning.message) and "CVE-2025-32434" in str(warning.message)


@pytest.mark.parametrize("version", ["2.6.0", "2.13.0+cpu", "3.0"])
def test_a_torch_that_reads_safely_warns_of_nothing(tmp_path, monkeypatch, recwarn, version):
    monkeypatch.setattr(torch, "__version__", version)
    settled(tmp_path / "task", resume=str(write_run(tmp_path / "task" / "2026-01-01" / "other")))
    assert not recwarn.list


def test_an_old_torch_starts_from_no_pickle_and_names_the_way_out(tmp_path, monkeypatch):
    """Not even to see whose it is."""
    monkeypatch.setattr(torch, "__version__", OLD_TORCH)
    monkeypatch.setattr(torch, "load", lambda *args, **kwargs: pytest.fail("read"))
    with zipfile.ZipFile(tmp_path / "last.ckpt", "w") as file:
        file.writestr("archive/data.pkl", pickle.dumps({"robovlms_mobile": 1}, protocol=2))
    assert is_ours(str(tmp_path / "last.ckpt"))
    with pytest.raises(CheckpointError, match=r"Name an adapter folder of that run, best or last.*CVE-2025-32434"):
        load(None, str(tmp_path / "last.ckpt"))


@pytest.mark.parametrize("content", [{"state_dict": 1}, {"robovlms_mobiles": 1}, None])
def test_a_file_of_upstreams_or_of_nobodys_is_not_ours(tmp_path, content):
    torch.save(content, tmp_path / "last.ckpt") if content else (tmp_path / "last.ckpt").write_bytes(b"PK")
    assert not is_ours(str(tmp_path / "last.ckpt"))


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


def test_a_settled_run_leaves_only_its_lock_and_takes_that_along(tmp_path):
    write_run(tmp_path / "2026-01-01" / "lora")
    before = sorted(tmp_path.rglob("*"))
    settled(tmp_path, resume="last")
    assert sorted(tmp_path.rglob("*")) == sorted([*before, tmp_path / "2026-01-01" / "lora" / ".lock"])
    release()
    assert sorted(tmp_path.rglob("*")) == before
