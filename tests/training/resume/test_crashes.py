"""Killed at any moment, or refused by its disk at any step, a run loses nothing that it had saved.

The runs are in `crash_run.py`, real but tiny; one process (`crash_probe.py`) forks a child for each of them.
"""

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.checkouts import TESTS
from support.crash_run import Tiny, falling
from support.processes import QUIET
from support.runs import TRAIN, assert_same

from robovlms_mobile.training.resume.state import trainable_names
from robovlms_mobile.training.saving import POLICY, TENSORS, AdapterWriter

FEW, MANY = 12, 260
SHARE = 0.4  # of random kills that must come while something is saved
ERRORS = {"full": errno.ENOSPC, "quota": errno.EDQUOT, "read-only": errno.EROFS}
SOME_ERRORS = [pytest.param(code, marks=pytest.mark.slow) if name == "quota" else code for name, code in ERRORS.items()]
WRITTEN = {"run.json", "losses.csv", "last", "best", "last.ckpt"}  # by each epoch, under names that stay

ENVIRON = {**os.environ, **QUIET, "PYTHONPATH": str(TESTS)}


@pytest.fixture(scope="module")
def probe(tiny_vlm, tmp_path_factory):
    """`probe(name, **options)` → what that action of crash_probe.py returns; fails where it does."""
    folder = tmp_path_factory.mktemp("crashes")
    command = [sys.executable, "-W", "ignore", "-m", "support.crash_probe"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with (
        open(folder / "stderr", "w") as log,
        subprocess.Popen(command, cwd=folder, env=ENVIRON, stderr=log, **pipes) as process,
    ):

        def probe(name, **options):
            place = folder / str(len(list(folder.iterdir())))
            place.mkdir()
            print(json.dumps({"do": name, "vlm": str(tiny_vlm), "folder": str(place), **options}), file=process.stdin)
            process.stdin.flush()
            answer = json.loads(process.stdout.readline() or '{"failed": "the probe ended"}')
            if "failed" in answer:
                pytest.fail(f"{answer['failed']}\n{(folder / 'stderr').read_text()[-2000:]}", pytrace=False)
            return answer

        yield probe
        process.stdin.close()


@pytest.fixture
def tell(capsys):
    """`tell(text)` prints, whatever pytest captures."""

    def tell(text):
        with capsys.disabled():
            print(f"\n  {text}", end="")

    return tell


@pytest.fixture(params=[True, False], ids=["exchange", "no exchange"])
def exchange(request):
    """With the system's exchange of two names, and on a file system that has none."""
    return request.param


def test_no_kill_at_a_random_moment_loses_or_mixes_anything(probe, exchange):
    done = probe("kills", count=FEW // 2, exchange=exchange, seed=0)
    assert done["kills"] == FEW // 2


@pytest.mark.slow
def test_none_of_many_kills_loses_or_mixes_anything(probe, exchange, tell):
    done = probe("kills", count=MANY // 2, exchange=exchange, seed=random.randrange(10**6))
    tell(done)
    assert done["kills"] == MANY // 2
    assert done["inside"] >= SHARE * MANY // 2
    assert done["half written"] >= SHARE * done["inside"] / 2
    assert done["starting"] > 0


@pytest.mark.parametrize(("moment", "least"), [("save", 80), ("start", 15)])
@pytest.mark.parametrize("stride", [11, pytest.param(1, marks=pytest.mark.slow)])
def test_a_kill_before_any_step_of_a_save_or_a_start_loses_and_mixes_nothing(
    probe, exchange, moment, least, stride, tell
):
    done = probe("steps", exchange=exchange, moment=moment, stride=stride)
    assert done["steps"] >= least
    assert done["kills"] == -(-done["steps"] // stride)
    assert done["half written"] >= done["kills"] / 2
    if stride == 1:
        tell({key: value for key, value in done.items() if key != "names"})


@pytest.mark.parametrize("onwards", [False, True], ids=["one step", "all later steps"])
@pytest.mark.parametrize("code", SOME_ERRORS, ids=ERRORS)
@pytest.mark.parametrize("stride", [29, pytest.param(1, marks=pytest.mark.slow)])
def test_a_disk_that_refuses_a_step_costs_that_save_only_and_is_said(probe, code, onwards, stride, tell):
    done = probe("faults", code=code, onwards=onwards, exchange=True, stride=stride)
    assert done["steps"] >= 80
    assert done["refused"] >= done["steps"] / stride / 5  # of the others most set permissions, which may fail
    if stride == 1:
        tell(done)


def test_a_full_disk_without_exchange_costs_that_save_only_and_is_said(probe):
    assert probe("faults", code=errno.ENOSPC, onwards=False, exchange=False, stride=23)["refused"]


@pytest.mark.parametrize("plot", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_files_cut_off_at_any_size_cost_that_save_only_and_are_said(probe, plot, tell):
    """The system's own limit of a file's size: it holds in torch's C++ and safetensors' Rust as well."""
    done = probe("limits", plot=plot)
    assert len(done["limits"]) >= 15
    assert done["refused"] and done["written"]
    if plot:
        tell(done)


@pytest.mark.parametrize("code", ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize("epochs", [0, 2], ids=["new", "resumed"])
def test_a_disk_that_refuses_from_the_start_ends_a_run_before_its_first_epoch(probe, code, epochs):
    done = probe("read_only", code=code, epochs=epochs)
    assert f"({os.strerror(code)}), so nothing was trained" in done["stopped"]
    assert done["begun"] == []


@pytest.mark.parametrize("code", ERRORS.values(), ids=ERRORS)
def test_two_epochs_that_cannot_be_saved_are_said_twice_and_change_nothing(probe, code):
    said = probe("refusing", code=code)
    twice = dict.fromkeys(WRITTEN - {"run.json"}, 2)
    assert {name: said[name] for name in twice} == twice
    assert said["run.json"] == 3  # also at the end


def test_a_link_that_fails_leaves_no_file_of_another_folder_to_be_written_into(tiny_vlm, tmp_path, monkeypatch):
    module = Tiny(tiny_vlm, falling, every=1)
    writer = AdapterWriter(module, trainable_names(module), {"contract.json": {}})
    assert writer.write(tmp_path / "last", {})
    link = os.link

    def refuse_the_third(source, target):
        if Path(target).name == POLICY:
            raise OSError(errno.EMLINK, "Too many links")
        link(source, target)

    monkeypatch.setattr(os, "link", refuse_the_third)
    assert writer.write(tmp_path / "best", {})
    assert not [name for name in TENSORS if os.path.samefile(tmp_path / "last" / name, tmp_path / "best" / name)]


EVERY = {"mobile": {"checkpoints": {"every_n_steps": 1}}, "trainer": {"max_epochs": 3}}
REAL_KILLS = 6


@pytest.fixture(scope="module")
def start(upstream_root, write_config):
    """`start(folder, **overrides)` → the running process of a training run below `folder`."""

    def start(folder, **overrides):
        command = [sys.executable, *TRAIN, upstream_root, write_config(folder, **EVERY, **overrides)]
        with open(folder / "log", "a") as log:
            return subprocess.Popen(
                list(map(str, command)),
                cwd=folder,
                env=ENVIRON,
                stdout=log,
                stderr=log,
            )

    return start


def finish(process, folder):
    assert process.wait(timeout=300) == 0, (folder / "log").read_text()[-3000:]


def sessions(folder):
    """How often the run below `folder` was started, as far as its run.json can be read."""
    for record in (folder / "runs" / "output").rglob("run.json"):
        text = record.read_text()
        return len(json.loads(text)["sessions"]) if text else 0
    return 0


def wait_for_training(process, folder, number):
    """Wait until the run was started so many times, trains, and has a state to go on from."""
    while process.poll() is None and (sessions(folder) < number or not list(folder.rglob("last.ckpt"))):
        time.sleep(0.05)


def killed_after(process, folder, number, seconds):
    """Kill the run in its session of this number; False where it came to its end before."""
    wait_for_training(process, folder, number)
    time.sleep(seconds)
    process.kill()
    return process.wait() == -signal.SIGKILL


@pytest.mark.slow
def test_a_run_killed_six_times_ends_as_one_that_nobody_killed(start, tmp_path_factory, tell):
    whole, killed = (tmp_path_factory.mktemp(name) for name in ("whole", "killed"))
    process = start(whole)
    wait_for_training(process, whole, 1)
    began = time.monotonic()
    finish(process, whole)
    seconds, kills = time.monotonic() - began, []
    for number in range(1, REAL_KILLS + 1):
        after = random.uniform(0, seconds / REAL_KILLS)  # all of them in less than the training takes
        if not killed_after(start(killed, resume="last"), killed, number, after):
            break
        kills.append(f"{after:.1f}")
    finish(start(killed, resume="last"), killed)
    tell(f"{len(kills)} kills, after {', '.join(kills)} s, of a training of {seconds:.1f} s")
    assert len(kills) >= REAL_KILLS / 2
    assert sessions(killed) > len(kills)
    assert_same(whole, killed)
