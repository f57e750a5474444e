"""A run that was killed and resumed is, bit for bit, the run that was not."""

import json
import signal

import pytest
from support.runs import TRAIN, assert_same, run_folder, write_package

CALLBACK = '''
import os, signal
from lightning.pytorch.callbacks import Callback

class Kill(Callback):
    """Ends the process without a warning, at one batch of one epoch."""

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if f"{trainer.current_epoch}/{batch_idx}" == os.environ.get("KILL_AT"):
            os.kill(os.getpid(), signal.SIGKILL)

def callbacks():
    return [Kill()]
'''
AUGMENTED = {"mirror": 0.5, "color_jitter": 0.2, "random_crop": 0.8, "rgb_pad": 4, "balance": "direction"}
EPOCHS = 3


@pytest.fixture(scope="module")
def killer(tmp_path_factory):
    """A folder for PYTHONPATH: a package whose callback kills a run where KILL_AT says."""
    entry = "[lightning.pytorch.callbacks_factory]\nkiller = killer:callbacks\n"
    return write_package(tmp_path_factory.mktemp("site"), "killer", CALLBACK, entry)


@pytest.fixture(scope="module")
def train(upstream_root, run_python, write_config, killer):
    """`train(folder, kill_at, **overrides)` → the finished process of a run below `folder`."""

    def train(folder, kill_at=None, **overrides):
        options = {"trainer": {"max_epochs": EPOCHS}, "train_setup": {"lora_dropout": 0.1}, "train_dataset": AUGMENTED}
        config = write_config(folder, **{**options, **overrides})
        env = {"PYTHONPATH": str(killer), "KILL_AT": kill_at}
        return run_python([*TRAIN, upstream_root, config], cwd=folder, env=env)

    return train


EVERY = {"mobile": {"checkpoints": {"every_n_steps": 3}}}  # of 10 or more steps an epoch, two windows each


@pytest.fixture(scope="module")
def whole(train, tmp_path_factory):
    """A run nobody killed."""
    folder = tmp_path_factory.mktemp("whole")
    done = train(folder, **EVERY)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.mark.parametrize(
    ("kill_at", "overrides"),
    [
        pytest.param("1/9", EVERY, id="in an epoch, saved by steps"),
        pytest.param("1/5", {}, id="in an epoch, saved by epochs", marks=pytest.mark.slow),
        pytest.param("1/0", {}, id="at a start", marks=pytest.mark.slow),
        pytest.param("2/6", EVERY, id="in the last epoch, saved by steps", marks=pytest.mark.slow),
    ],
)
@pytest.mark.heavy
def test_a_killed_run_goes_on_as_if_nothing_had_been(train, whole, tmp_path, kill_at, overrides):
    killed = train(tmp_path, kill_at, **overrides)  # returns once its workers, which hold its output, are gone too
    assert killed.returncode == -signal.SIGKILL
    resumed = train(tmp_path, resume="last", **overrides)
    assert resumed.returncode == 0, resumed.stderr[-3000:]
    assert "resuming from" in resumed.stdout
    assert_same(whole, tmp_path)
    record = json.loads((run_folder(tmp_path) / "run.json").read_text())
    assert [bool(each["resumed_from"]) for each in record["sessions"]] == [False, True]
    assert record["audit"]["tokens"]  # of the start: a run that resumes is not audited again


EPISODES = {"batch": "episode", "balance": None}


@pytest.mark.slow
@pytest.mark.heavy
def test_with_an_episode_a_batch_a_killed_run_goes_on_likewise(train, tmp_path):
    options = {"train_dataset": {**AUGMENTED, **EPISODES}, "val_dataset": EPISODES, "batch_size": 1}
    options |= {"mobile": {"checkpoints": {"every_n_steps": 2}}}
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder, kill_at, code in ((whole, None, 0), (killed, "1/2", -signal.SIGKILL)):
        folder.mkdir()
        done = train(folder, kill_at, **options)
        assert done.returncode == code, done.stderr[-3000:]
    resumed = train(killed, resume="last", **options)
    assert resumed.returncode == 0, resumed.stderr[-3000:]
    assert_same(whole, killed)


@pytest.mark.slow
def test_the_same_run_twice_is_the_same(train, whole, tmp_path):
    """Saving by steps changes nothing either."""
    assert train(tmp_path).returncode == 0
    assert_same(whole, tmp_path)


@pytest.mark.slow
@pytest.mark.heavy
def test_more_epochs_go_on_where_the_first_ended_on_another_day(train, whole, tmp_path):
    short = train(tmp_path, trainer={"max_epochs": 1})
    assert short.returncode == 0, short.stderr[-3000:]
    day = run_folder(tmp_path).parent
    day.rename(day.with_name("2020-02-02"))
    more = train(tmp_path, resume="last")
    assert more.returncode == 0, more.stderr[-3000:]
    assert run_folder(tmp_path).parent.name == "2020-02-02"
    assert_same(whole, tmp_path)
