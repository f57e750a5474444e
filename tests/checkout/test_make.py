"""What make says: git's own words and the next command where RoboVLMs cannot be fetched; a demo only its own."""

import os
import shutil
import subprocess
import sys

from support.checkouts import TESTS


def test_make_says_what_git_said_and_goes_on(tmp_path):
    shutil.copy(TESTS.parent / "Makefile", tmp_path)
    for name in ("setup.py", "constraints.txt", ".venv/.installed"):  # installed, and newer than what it is made from
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    environ = {**os.environ, "https_proxy": "http://127.0.0.1:9"}
    for name in ("ROBOVLMS_ROOT", "MAKEFLAGS", "MAKELEVEL"):  # the last two where make runs these tests
        environ.pop(name, None)
    command = ["make", "checkout", f"RUN={sys.executable} -m robovlms_mobile"]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    shown = done.stdout + done.stderr
    assert done.returncode == 0, shown
    assert "127.0.0.1 port 9" in shown  # git's own message
    assert "upstream fetch --source DIR" in shown
    assert "tests/standin" in shown
    assert "no network?" not in shown
    assert len(shown.splitlines()) == 2


def test_the_demo_does_not_print_another_runs_command(tmp_path):
    shutil.copy(TESTS.parent / "Makefile", tmp_path)
    made = ("setup.py", "constraints.txt", ".venv/.installed", "RoboVLMs/main.py", "runs/demo/.made")
    for name in made:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / ".venv/bin").mkdir()
    (tmp_path / ".venv/bin/python").symlink_to(sys.executable)
    theirs = ("ROBOVLMS_ROOT", "MAKEFLAGS", "MAKELEVEL")  # the last two where make runs these tests
    environ = {name: value for name, value in os.environ.items() if name not in theirs}
    command = ["make", "demo", "RUN=echo robovlms-mobile"]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    runs = "runs/checkpoints/kosmos2/demo"
    *calls, last = done.stdout.splitlines()
    assert calls == [f"robovlms-mobile summary {runs}", f"robovlms-mobile drive {runs}"]
    assert "LoRA's own share" in last
