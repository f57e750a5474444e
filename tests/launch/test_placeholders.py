"""Placeholders answer upstream's imports only, never shadow an installed package, and raise on use."""

import importlib.util
import sys

import pytest

from robovlms_mobile.launch import placeholders


def run_as(module, code):
    """Run code as if it stood in `module`, with the builtins that the loader gives upstream's; return its names."""
    names = {"__name__": module}
    if module.partition(".")[0] == placeholders.UPSTREAM:
        names["__builtins__"] = placeholders.BUILTINS
    exec(code, names)
    return names


@pytest.fixture
def missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "decord", None)  # an import of it fails, as when it is not installed
    return "decord"


def test_upstream_may_import_a_missing_package_in_every_way(missing):
    names = run_as("robovlms.data.x", "import decord\nfrom decord import VideoReader, cpu\nimport decord.bridge as b")
    assert "decord" in repr(names["decord"])
    assert repr(names["b"]).startswith("<placeholder for decord.bridge")


def test_using_one_names_the_package_and_who_wanted_it(missing):
    names = run_as("robovlms.data.reader", "from decord import VideoReader")
    with pytest.raises(ImportError, match=r"robovlms\.data\.reader uses decord\.VideoReader.*pip install decord"):
        names["VideoReader"]("film.mp4")


def test_nobody_else_sees_a_placeholder(missing):
    run_as("robovlms.data.x", "import decord")
    assert sys.modules["decord"] is None
    with pytest.raises(ImportError):
        run_as("transformers.video_utils", "import decord")


def test_availability_checks_keep_telling_the_truth():
    run_as("robovlms.data.x", "import einops_exts")
    if importlib.util.find_spec("einops_exts") is None:
        assert "einops_exts" not in sys.modules


def test_an_installed_package_is_never_shadowed(monkeypatch):
    import json

    monkeypatch.setitem(sys.modules, "cv2", json)
    assert run_as("robovlms.data.x", "import cv2")["cv2"] is json


def test_a_package_that_breaks_over_a_missing_one_is_replaced_with_it(tmp_path, monkeypatch):
    (tmp_path / "open_clip.py").write_text("import torchvision\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "torchvision", None)
    monkeypatch.delitem(sys.modules, "open_clip", raising=False)
    assert "open_clip" in repr(run_as("robovlms.model.x", "import open_clip")["open_clip"])


def test_a_package_nobody_planned_for_still_fails():
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        run_as("robovlms.data.x", "import no_such_package")


def test_modules_of_upstream_get_them_and_no_other_module_does(run_afresh, tmp_path):
    """Through the import system, from a folder without __init__.py, and inside a function."""
    for name in ("robovlms", "robovlms_fork"):
        (tmp_path / name / "data").mkdir(parents=True)
        (tmp_path / name / "__init__.py").write_text("")
        (tmp_path / name / "data" / "film.py").write_text(
            "import decord\ndef late():\n    import cv2\n    return cv2\n"
        )
    code = (
        "import builtins, sys\n"
        "sys.modules.update(decord=None, cv2=None)\n"
        "from robovlms_mobile.launch import placeholders\n"
        "before = builtins.__import__\n"
        "placeholders.install(); placeholders.install()\n"
        "print(sys.meta_path.count(placeholders._Finder))\n"
        "from robovlms.data import film\n"
        "print(film.decord, film.late(), builtins.__import__ is before)\n"
        "import robovlms_fork.data.film\n"
    )
    done = run_afresh(["-c", code], cwd=tmp_path)
    once, found = done.stdout.splitlines()
    assert once == "1"
    assert found.startswith("<placeholder for decord") and "<placeholder for cv2" in found and found.endswith("True")
    assert "import of decord halted" in done.stderr or "No module named 'decord'" in done.stderr
