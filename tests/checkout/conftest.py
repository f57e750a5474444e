"""Fixtures of the checkout's tests; nothing of the environment decides which checkout they see."""

import pytest
from support.fake_checkout import git, make_checkout, write_series

from robovlms_mobile.checkout.location import find_checkout
from robovlms_mobile.checkout.series import Series

REAL = find_checkout()  # as the environment says, before the tests take that away


@pytest.fixture(autouse=True)
def _only_what_the_test_says(monkeypatch, tmp_path_factory):
    for name in ("ROBOVLMS_ROOT", "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))


@pytest.fixture
def checkout(tmp_path):
    """A git repository with an empty, executable `robovlms/__init__.py` and a file with the turtle import."""
    return make_checkout(tmp_path / "RoboVLMs")


@pytest.fixture(scope="session")
def real_root():
    """The real checkout (ROBOVLMS_ROOT, else the submodule); without one the test is skipped."""
    if REAL is None or not (REAL / ".git").exists():
        pytest.skip("no real RoboVLMs checkout: run `robovlms-mobile upstream fetch`, or set ROBOVLMS_ROOT")
    return REAL


@pytest.fixture
def folder(tmp_path, checkout):
    """The folder of a series made for `checkout`."""
    return write_series(tmp_path / "patches", git(checkout, "rev-parse", "HEAD"))


@pytest.fixture
def series(folder):
    """The series made for `checkout`."""
    return Series.load(folder)
