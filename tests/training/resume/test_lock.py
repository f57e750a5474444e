"""Two runs never write into one folder, and a run that was killed keeps nobody out."""

import os
import signal
import subprocess
import sys

import pytest
from support.checkouts import TESTS
from support.runs import write_run

from robovlms_mobile.errors import CheckpointError
from robovlms_mobile.training.resume.lock import LOCK, hold, release
from robovlms_mobile.training.resume.start import settle

HOLDER = """
import os, sys, time
from robovlms_mobile.training.resume.lock import hold
print(hold(sys.argv[1]), flush=True)
if os.fork() == 0:  # as a data worker
    print(os.getpid(), flush=True)
    time.sleep(60)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds the folder "run", with a child; yields (process, pid of the child)."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path / "run")], cwd=TESTS, **pipes) as process:
        assert process.stdout.readline() == "None\n"
        child = int(process.stdout.readline())
        yield process, child
        os.kill(child, signal.SIGKILL)
        process.kill()
    release()


def test_a_second_run_is_told_who_has_the_folder(holder, tmp_path):
    process, _ = holder
    who = hold(tmp_path / "run")
    assert who.startswith(f"process {process.pid} on {os.uname().nodename}, since 20")


def test_letting_go_removes_the_folder_that_nothing_was_written_in_and_no_other(tmp_path):
    assert hold(tmp_path / "empty") is None and hold(tmp_path / "used") is None
    assert (tmp_path / "empty" / LOCK).exists()
    (tmp_path / "used" / "losses.csv").touch()
    release()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["losses.csv", "used"]


def test_a_killed_run_keeps_nobody_out_though_its_workers_live_on(holder, tmp_path):
    process, child = holder
    process.kill()
    process.wait()
    os.kill(child, 0)  # raises where it is gone
    assert hold(tmp_path / "run") is None


def test_resuming_a_run_that_is_under_way_stops_with_its_holders_name(holder, tmp_path):
    run = tmp_path / "day" / "run"
    run.parent.mkdir()
    (tmp_path / "run").rename(run)
    state = write_run(run)
    configs = {"exp_name": "run", "trainer": {}, "mobile": {}, "output_dir": str(tmp_path / "day" / "run")}
    with pytest.raises(CheckpointError, match=rf"is in use: process {holder[0].pid} on .*model_load_path"):
        settle({**configs, "resume": "last"})
    with pytest.raises(CheckpointError, match="is in use"):
        settle({**configs, "resume": str(state)})


def test_of_two_new_runs_each_has_a_folder_of_its_own(holder, tmp_path):
    """The other one has taken its folder, and has not written anything yet."""
    configs = {"exp_name": "run", "trainer": {}, "mobile": {}, "output_dir": str(tmp_path / "run"), "resume": None}
    settle(configs)
    assert configs["output_dir"] == str(tmp_path / "run-2")


def test_a_folder_that_cannot_be_written_to_ends_a_run_at_once(tmp_path):
    (tmp_path / "file").touch()
    configs = {"exp_name": "run", "trainer": {}, "mobile": {}, "output_dir": str(tmp_path / "file" / "run")}
    with pytest.raises(CheckpointError, match=r"Nothing can be written in .*\(Not a directory\).*output_root"):
        settle(configs)
