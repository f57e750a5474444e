"""The checkouts that tests run on: the test double, and the real RoboVLMs where there is one."""

import os
from pathlib import Path

import pytest
from support.processes import git

TESTS = Path(__file__).resolve().parents[1]
SUPPORT = TESTS / "support"
STANDIN = TESTS / "standin"
NO_REAL = "no real RoboVLMs checkout: run `git submodule update --init`, or set ROBOVLMS_ROOT"


def real_checkout():
    """Return the folder of a real RoboVLMs checkout (ROBOVLMS_ROOT, else the submodule), or None."""
    root = Path(os.environ.get("ROBOVLMS_ROOT") or TESTS.parent / "RoboVLMs").resolve()
    return root if (root / "main.py").is_file() else None


def clone_of_real(tmp_path_factory):
    """Return the real checkout as committed, patched or not where it stands; skips the test where there is none."""
    root = real_checkout()
    if root is None:
        pytest.skip(NO_REAL)
    if not (root / ".git").exists():
        return root
    clone = tmp_path_factory.mktemp("upstream") / "RoboVLMs"
    git("clone", "--quiet", root, clone)
    return clone
