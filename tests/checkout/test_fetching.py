"""Fetching: at the pinned commit, into an empty place only, and one clear line when it cannot be."""

import shutil

import pytest
from support.fake_checkout import commit_all, git, snapshot, write_series

from robovlms_mobile.checkout.fetching import fetch
from robovlms_mobile.checkout.series import Series
from robovlms_mobile.cli import main
from robovlms_mobile.errors import CheckoutError


@pytest.fixture
def newer(checkout, series):
    """The source repository, one commit ahead of the pinned one."""
    (checkout / "main.py").write_text("newer\n")
    commit_all(checkout)
    return checkout


@pytest.fixture
def project(checkout, tmp_path):
    """A repository with the checkout as its submodule, freshly cloned: the submodule's folder is empty."""
    origin = tmp_path / "origin"
    origin.mkdir()
    git(origin, "init", "--quiet")
    git(origin, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(checkout), "RoboVLMs")
    commit_all(origin)
    git(tmp_path, "clone", "--quiet", "origin", "project")
    return tmp_path / "project"


def test_the_pinned_commit_is_checked_out_and_not_the_newest(newer, series, tmp_path):
    target = tmp_path / "new" / "RoboVLMs"
    status = fetch(target, newer, series=series)
    assert (status.state, status.root) == ("pristine", target)
    assert git(target, "rev-parse", "HEAD") == series.commit
    assert status.message.startswith(f"fetched {series.commit[:7]} from {newer}")
    assert [path.name for path in target.parent.iterdir()] == ["RoboVLMs"]


def test_an_empty_folder_is_filled_and_a_second_fetch_changes_nothing(checkout, series, tmp_path):
    target = tmp_path / "empty"
    target.mkdir()
    fetch(target, checkout, series=series)
    (target / "main.py").write_text("mine\n")
    before = snapshot(target)
    assert fetch(target, checkout, series=series).message.startswith("already fetched")
    assert snapshot(target) == before


def test_a_folder_with_something_else_is_never_overwritten(checkout, series, tmp_path):
    target = tmp_path / "full"
    target.mkdir()
    (target / "thesis.txt").write_text("mine\n")
    with pytest.raises(CheckoutError, match=r"not empty \(1 entries, the first is thesis\.txt\)"):
        fetch(target, checkout, series=series)
    assert snapshot(target).keys() == {"thesis.txt"}


def test_an_existing_checkout_at_another_commit_is_reported_not_moved(newer, series):
    before = git(newer, "rev-parse", "HEAD")
    with pytest.raises(CheckoutError, match=rf"changes no existing checkout.*checkout {series.commit}"):
        fetch(newer, series=series)
    assert git(newer, "rev-parse", "HEAD") == before


def test_a_source_without_the_pinned_commit_leaves_nothing(checkout, tmp_path):
    wanted = Series.load(write_series(tmp_path / "else", "1" * 40))
    target = tmp_path / "place" / "RoboVLMs"
    with pytest.raises(CheckoutError, match=rf"cannot fetch.*{'1' * 40}"):
        fetch(target, checkout, series=wanted)
    assert list(target.parent.iterdir()) == []


def test_an_unreachable_source_is_one_line_with_the_way_out(tmp_path, capsys):
    target, source = tmp_path / "RoboVLMs2", "https://127.0.0.1:9/RoboVLMs"
    assert main(["upstream", "fetch", "--root", str(target), "--source", source]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    for words in (source, "--source DIR", "ROBOVLMS_ROOT"):
        assert words in captured.err
    assert not target.exists()


def test_a_source_that_never_answers_is_given_up(tmp_path, series, monkeypatch):
    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\nsleep 60 & wait\n")  # with a child that keeps the pipe open
    silent.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(silent))
    monkeypatch.setattr("robovlms_mobile.checkout.fetching.REACH_SECONDS", 0.3)
    with pytest.raises(CheckoutError, match=r"no answer in 0\.3 s"):
        fetch(tmp_path / "RoboVLMs2", "ssh://nowhere.invalid/RoboVLMs", series=series)


def test_the_submodule_is_filled_from_a_source_that_was_given(project, checkout, series):
    status = fetch(project / "RoboVLMs", checkout, series=series)
    assert status.state == "pristine"
    assert (project / "RoboVLMs" / ".git").is_file()  # a submodule, not a clone
    assert git(project, "status", "--porcelain") == ""


def test_the_submodules_configured_address_is_honoured(project, series):
    git(project, "config", "submodule.RoboVLMs.url", "https://127.0.0.1:9/mirror")
    with pytest.raises(CheckoutError, match=r"https://127\.0\.0\.1:9/mirror"):
        fetch(project / "RoboVLMs", series=series)


def test_a_local_submodule_address_nobody_gave_stays_forbidden(project, series):
    with pytest.raises(CheckoutError, match=r"transport 'file' not allowed.*--source DIR"):
        fetch(project / "RoboVLMs", series=series)


def test_an_interrupted_submodule_update_is_finished(project, checkout, series):
    target = project / "RoboVLMs"
    fetch(target, checkout, series=series)
    for path in target.iterdir():
        if path.name != ".git":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert fetch(target, checkout, series=series).state == "pristine"


def test_a_submodule_pinned_elsewhere_than_the_series_is_told(project, checkout, tmp_path):
    wanted = Series.load(write_series(tmp_path / "else", "1" * 40))
    with pytest.raises(CheckoutError, match="expected 1111111"):
        fetch(project / "RoboVLMs", checkout, series=wanted)
