"""Finding the checkout, and telling its states apart."""

import json
import os
import shutil

import pytest
from support.fake_checkout import FIRST, SECOND, WRONG, commit_all, git

from robovlms_mobile.checkout.location import find_checkout, require_checkout, source_tree
from robovlms_mobile.checkout.patching import patch
from robovlms_mobile.checkout.series import Series
from robovlms_mobile.checkout.working_copy import checkout_status
from robovlms_mobile.cli import main
from robovlms_mobile.errors import CheckoutError


def states(status):
    return [patch.state for patch in status.patches]


def test_a_named_folder_wins_and_is_not_replaced_by_another(checkout, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_checkout() == checkout
    monkeypatch.setenv("ROBOVLMS_ROOT", str(tmp_path / "nothing"))
    assert find_checkout() is None
    assert find_checkout(checkout) == checkout


def test_a_folder_counts_only_with_main_and_robovlms(checkout):
    (checkout / "main.py").unlink()
    assert find_checkout(checkout) is None


def test_a_missing_checkout_is_named_with_the_command_that_fetches_it(tmp_path):
    with pytest.raises(CheckoutError, match=r"no RoboVLMs checkout.*nowhere.*upstream fetch --root"):
        require_checkout(tmp_path / "nowhere")


def test_absent(tmp_path, series):
    status = checkout_status(tmp_path / "nowhere", series=series)
    assert (status.state, status.ok, status.commit) == ("absent", False, None)
    assert status.next == f"robovlms-mobile upstream fetch --root {tmp_path / 'nowhere'}"


def test_pristine_then_patched(checkout, series):
    status = checkout_status(checkout, series=series)
    assert (status.state, status.ok, status.patched) == ("pristine", True, False)
    assert "upstream patch" in status.next
    patch(checkout, series=series)
    status = checkout_status(checkout, series=series)
    assert (status.state, status.ok, status.patched, status.changed) == ("patched", True, True, ())
    assert "main.py" in status.next


def test_status_changes_nothing_not_even_the_index(checkout, series):
    for path in checkout.rglob("*.py"):
        os.utime(path, (1e9, 1e9))
    before = (checkout / ".git" / "index").read_bytes()
    assert checkout_status(checkout, series=series).state == "pristine"
    assert (checkout / ".git" / "index").read_bytes() == before


def test_one_patch_of_two_is_partly_patched(checkout, series):
    patch(checkout, series=series)
    git(checkout, "checkout", "--", SECOND)
    status = checkout_status(checkout, series=series)
    assert (status.state, states(status)) == ("partly patched", ["applied", "missing"])
    assert "upstream patch" in status.next


def test_other_commit_says_how_many_patched_files_differ(checkout, series):
    (checkout / "main.py").write_text("print(1)\n")
    commit_all(checkout)
    status = checkout_status(checkout, series=series)
    assert (status.state, states(status)) == ("other commit", ["missing", "missing"])
    assert "0 of 2" in status.message
    (checkout / SECOND).write_bytes(b"import os\n")
    commit_all(checkout)
    status = checkout_status(checkout, series=series)
    assert (status.state, states(status)) == ("other commit", ["missing", "upstream changed"])
    assert f"1 of 2 ({SECOND})" in status.message
    assert status.next == f"git -C {checkout} checkout {series.commit}"


def test_your_own_change_where_a_patch_goes_is_locally_changed(checkout, series):
    (checkout / SECOND).write_bytes(WRONG + b"mine = 1\n")
    status = checkout_status(checkout, series=series)
    assert (status.state, states(status), status.changed) == (
        "locally changed",
        ["missing", "locally changed"],
        (SECOND,),
    )
    assert SECOND in status.next


@pytest.mark.parametrize("spoil", ["delete", "link"])
def test_a_deleted_or_linked_file_is_your_own_change(checkout, series, spoil):
    (checkout / SECOND).unlink()
    if spoil == "link":
        (checkout / SECOND).symlink_to(checkout / "main.py")
    assert checkout_status(checkout, series=series).state == "locally changed"


def test_an_unrelated_change_is_listed_and_not_called_pristine(checkout, series):
    (checkout / "robovlms/other.py").write_text("mine\n")
    (checkout / "untracked.txt").write_text("mine\n")
    status = checkout_status(checkout, series=series)
    assert (status.state, states(status), status.changed) == (
        "locally changed",
        ["missing", "missing"],
        ("robovlms/other.py",),
    )
    assert patch(checkout, series=series).state == "patched"


def test_without_git_it_is_found_and_said_not_to_be_patchable(checkout, series):
    shutil.rmtree(checkout / ".git")
    assert require_checkout(checkout) == checkout
    status = checkout_status(checkout, series=series)
    assert (status.state, status.commit, status.patches, status.ok) == ("no git", None, (), False)
    assert "not a git checkout" in status.message
    assert status.next == "robovlms-mobile upstream fetch --root NEW_FOLDER"


def test_a_git_file_that_points_nowhere_counts_as_no_git(checkout, series):
    shutil.rmtree(checkout / ".git")
    (checkout / ".git").write_text("gitdir: ../.git/modules/RoboVLMs\n")
    assert checkout_status(checkout, series=series).state == "no git"


def test_a_folder_inside_another_repository_is_not_taken_for_it(checkout, series):
    shutil.rmtree(checkout / ".git")
    git(checkout.parent, "init", "--quiet")
    commit_all(checkout.parent)
    assert checkout_status(checkout, series=series).commit is None


def test_a_series_that_does_not_fit_its_own_commit_is_our_fault(checkout, folder):
    text = (folder / "series.json").read_text()
    entry = json.loads(text)["patches"][1]
    (folder / "series.json").write_text(text.replace(entry["before"], "0" * 40))
    with pytest.raises(CheckoutError, match=r"bad patches, your checkout is fine: 0002-second"):
        checkout_status(checkout, series=Series.load(folder))


def test_a_series_without_its_patch_file_is_named(folder):
    (folder / "0002-second.patch").unlink()
    with pytest.raises(CheckoutError, match=r"missing: \['.*0002-second\.patch'\]"):
        Series.load(folder)


def test_a_git_failure_is_one_line(checkout, series):
    (checkout / ".git" / "refs" / "heads" / "main").write_text("0" * 39 + "1\n")
    with pytest.raises(CheckoutError, match=r"^git cannot read [^\n]+$"):
        checkout_status(checkout, series=series)


def test_the_package_finds_its_own_series():
    series = Series.load()
    assert [patch.file for patch in series.patches] == ["robovlms/__init__.py", "robovlms/data/vid_llava_dataset.py"]
    assert (source_tree() / "patches").is_dir()


def test_status_json_keeps_its_keys(tmp_path, capsys):
    assert main(["upstream", "status", "--root", str(tmp_path / "nowhere"), "--json"]) == 1
    keys = ["state", "root", "commit", "expected", "patches", "changed", "message", "next"]
    assert list(json.loads(capsys.readouterr().out)) == keys


def test_the_command_says_state_and_next_command(checkout, capsys):
    assert main(["upstream", "status", "--root", str(checkout)]) == 1  # a stranger to the pinned commit
    out = capsys.readouterr().out
    assert "other commit" in out
    assert f"next      git -C {checkout} checkout 8adc1d2" in out


def test_a_failed_action_keeps_the_json_and_exits_1(checkout, capsys):
    (checkout / FIRST).write_text("mine = 1\n")
    assert main(["upstream", "patch", "--root", str(checkout), "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["state"] == "locally changed"
    assert f"nothing was written in {checkout}: {FIRST}" in answer["message"]
