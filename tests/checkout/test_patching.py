"""Applying and reverting: the whole series or nothing, twice is once, and nothing of the user's is touched."""

import dataclasses
import shutil

import pytest
from support.fake_checkout import FIRST, LOADER, RIGHT, SECOND, WRONG, commit_all, git, is_clean, snapshot

from robovlms_mobile.checkout import patching
from robovlms_mobile.checkout.patching import patch, unpatch
from robovlms_mobile.checkout.working_copy import checkout_status
from robovlms_mobile.errors import CheckoutError


def test_patch_writes_both_files_and_keeps_their_mode(checkout, series):
    status = patch(checkout, series=series)
    assert ((checkout / FIRST).read_bytes(), (checkout / SECOND).read_bytes()) == (LOADER, RIGHT)
    assert (checkout / SECOND).stat().st_mode & 0o777 == 0o755
    assert status.message == "0001-first applied; 0002-second applied"


def test_twice_is_the_same_as_once(checkout, series):
    patch(checkout, series=series)
    before = snapshot(checkout)
    assert "0001-first already applied" in patch(checkout, series=series).message
    assert snapshot(checkout) == before
    unpatch(checkout, series=series)
    assert "0001-first not applied" in unpatch(checkout, series=series).message


def test_unpatch_leaves_a_byte_identical_clean_tree(checkout, series):
    before = snapshot(checkout)
    patch(checkout, series=series)
    assert unpatch(checkout, series=series).state == "pristine"
    assert snapshot(checkout) == before
    assert is_clean(checkout)


def test_without_git_nothing_is_patched_and_the_way_out_is_said(checkout, series):
    shutil.rmtree(checkout / ".git")
    before = snapshot(checkout)
    for action in (patch, unpatch):
        with pytest.raises(CheckoutError, match=r"`robovlms-mobile train` needs no patch, main.py a git clone.*fetch"):
            action(checkout, series=series)
    assert snapshot(checkout) == before


def test_a_change_that_came_with_the_checkout_stays_when_unpatching(checkout, series):
    (checkout / SECOND).write_bytes(RIGHT)
    commit_all(checkout)
    before = snapshot(checkout)
    status = patch(checkout, series=series)
    assert status.patched
    assert status.message == "0001-first applied; 0002-second left as it is (built in)"
    unpatch(checkout, series=series)
    assert snapshot(checkout) == before


def test_a_file_upstream_does_not_have_is_made_and_removed(checkout, series):
    (checkout / FIRST).unlink()
    commit_all(checkout)
    before = snapshot(checkout)
    patch(checkout, series=series)
    assert (checkout / FIRST).read_bytes() == LOADER
    unpatch(checkout, series=series)
    assert snapshot(checkout) == before
    assert is_clean(checkout)


@pytest.mark.parametrize("action", [patch, unpatch])
@pytest.mark.parametrize("mine", [WRONG + b"mine = 1\n", RIGHT + b"mine = 1\n"])
def test_your_change_in_a_needed_file_stops_everything_and_is_named(checkout, series, action, mine):
    (checkout / SECOND).write_bytes(mine)
    before = snapshot(checkout)
    with pytest.raises(
        CheckoutError, match=rf"nothing was written.*{SECOND} \(locally changed, needed by 0002-second\)"
    ):
        action(checkout, series=series)
    assert snapshot(checkout) == before


def test_an_untracked_file_of_yours_where_upstream_has_none_is_yours(checkout, series):
    (checkout / FIRST).unlink()
    commit_all(checkout)
    (checkout / FIRST).write_bytes(b"")
    with pytest.raises(CheckoutError, match="locally changed"):
        patch(checkout, series=series)


def test_your_other_changes_staged_or_not_are_left_alone(checkout, series):
    (checkout / "main.py").write_text("mine\n")
    (checkout / "robovlms/other.py").write_text("mine too\n")
    git(checkout, "add", "main.py")
    before, seen = snapshot(checkout), git(checkout, "status", "--porcelain")
    status = patch(checkout, series=series)
    assert status.changed == ("main.py", "robovlms/other.py")
    unpatch(checkout, series=series)
    assert snapshot(checkout) == before
    assert git(checkout, "status", "--porcelain") == seen


def test_upstream_changed_is_said_apart_from_your_change(checkout, series):
    (checkout / SECOND).write_bytes(b"import os\n")
    commit_all(checkout)
    before = snapshot(checkout)
    with pytest.raises(CheckoutError, match=rf"{SECOND} \(upstream changed, needed by 0002-second\)"):
        patch(checkout, series=series)
    assert snapshot(checkout) == before
    assert unpatch(checkout, series=series).message.endswith("0002-second left as it is (upstream changed)")


@pytest.mark.parametrize("spoil", ["@@ -2 +2 @@\n-from turtle import qd\n", "garbage"])
def test_a_patch_that_does_not_apply_is_called_bad_before_anything_is_written(checkout, series, spoil):
    path = series.patches[1].path
    path.write_text(path.read_text().replace("@@ -2 +2 @@\n-from turtle import pd\n", spoil))
    before = snapshot(checkout)
    with pytest.raises(CheckoutError, match=r"^0002-second is bad, your checkout is fine: [^\n]+$"):
        patch(checkout, series=series)
    assert snapshot(checkout) == before


def test_a_patch_with_another_result_than_listed_is_called_bad(checkout, series):
    second = dataclasses.replace(series.patches[1], after="0" * 40)
    wrong = dataclasses.replace(series, patches=(series.patches[0], second))
    before = snapshot(checkout)
    with pytest.raises(CheckoutError, match=r"0002-second is bad.*series\.json says 0000"):
        patch(checkout, series=wrong)
    assert snapshot(checkout) == before


@pytest.mark.parametrize("autocrlf", ["true", "input"])
def test_line_end_settings_change_no_byte(checkout, series, autocrlf):
    git(checkout, "config", "core.autocrlf", autocrlf)
    (checkout / SECOND).unlink()
    git(checkout, "checkout", "--", SECOND)  # with "true" the file now has CRLF
    before = snapshot(checkout)
    assert (b"\r\n" in before[SECOND][0]) == (autocrlf == "true")
    assert patch(checkout, series=series).state == "patched"
    assert (checkout / SECOND).read_bytes() == before[SECOND][0].replace(
        b"from turtle import pd", b"import pandas as pd"
    )
    assert unpatch(checkout, series=series).state == "pristine"
    assert snapshot(checkout) == before
    assert is_clean(checkout)


def test_settings_for_whitespace_and_a_repository_round_the_scratch_folder_do_not_matter(checkout, series, monkeypatch):
    config = checkout.parent / "gitconfig"
    config.write_text("[core]\n\tautocrlf = true\n[apply]\n\twhitespace = error-all\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    scratch = checkout.parent / "scratch"
    scratch.mkdir()
    git(scratch, "init", "--quiet")
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    assert patch(checkout, series=series).patched
    assert (checkout / SECOND).read_bytes() == RIGHT


def test_a_checkout_given_by_a_relative_path_with_spaces_works(checkout, series, monkeypatch):
    moved = checkout.rename(checkout.parent / "my robot")
    monkeypatch.chdir(moved.parent)
    assert patch("my robot", series=series).state == "patched"
    assert unpatch("my robot", series=series).next.endswith("--root 'my robot'")


def test_mixed_line_ends_could_not_be_given_back_so_they_stop_everything(checkout, series):
    git(checkout, "config", "core.autocrlf", "input")
    (checkout / SECOND).write_bytes(WRONG.replace(b"\n", b"\r\n", 1))
    assert checkout_status(checkout, series=series).patches[1].state == "missing"
    before = snapshot(checkout)
    with pytest.raises(CheckoutError, match=rf"nothing was written: .*{SECOND} has mixed line ends"):
        patch(checkout, series=series)
    assert snapshot(checkout) == before


def test_the_owner_of_a_file_is_kept_where_we_may_set_it(checkout, series, monkeypatch):
    given = []
    owners = [((checkout / file).stat().st_uid, (checkout / file).stat().st_gid) for file in (FIRST, SECOND)]
    monkeypatch.setattr(patching.os, "chown", lambda path, uid, gid: given.append((uid, gid)))
    patch(checkout, series=series)
    assert given == owners
