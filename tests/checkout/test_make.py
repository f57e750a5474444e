"""`make checkout` where RoboVLMs cannot be fetched: git's own words, the next command, and what is used instead."""

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
    environ.pop("ROBOVLMS_ROOT", None)
    command = ["make", "checkout", f"RUN={sys.executable} -m robovlms_mobile"]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    shown = done.stdout + done.stderr
    assert done.returncode == 0, shown
    assert "127.0.0.1 port 9" in shown  # git's own message
    assert "upstream fetch --source DIR" in shown
    assert "tests/standin" in shown
    assert "no network?" not in shown
    assert len(shown.splitlines()) == 2
