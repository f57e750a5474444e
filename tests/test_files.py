"""A file or folder is replaced whole or not at all."""

import errno
import os
import stat

import pytest
import torch
from safetensors.torch import save_file

from robovlms_mobile import files
from robovlms_mobile.files import replace_file, replace_folder
from robovlms_mobile.leftovers import recover


def test_a_failing_write_leaves_the_old_file_and_no_rubbish(tmp_path):
    path = tmp_path / "losses.csv"
    path.write_text("old")
    with pytest.raises(RuntimeError), replace_file(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failing_write_leaves_the_old_folder_and_no_rubbish(tmp_path):
    folder = tmp_path / "best"
    with replace_folder(folder) as temporary:
        (temporary / "a").write_text("1")
    with pytest.raises(RuntimeError), replace_folder(folder) as temporary:
        (temporary / "a").write_text("2")
        raise RuntimeError
    assert (folder / "a").read_text() == "1"
    assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    folder = tmp_path / "best"
    for name in ("old", "new"):
        with replace_folder(folder) as temporary:
            (temporary / name).write_text(name)
    assert [path.name for path in folder.iterdir()] == ["new"]


@pytest.fixture(params=[True, False], ids=["exchange", "no exchange"])
def exchanging(request, monkeypatch):
    """With the system's exchange of two names, and on a file system that has none."""
    if not request.param:
        monkeypatch.setattr(files, "exchange", lambda one, other: False)
    return request.param


def write(folder, content):
    with replace_folder(folder) as temporary:
        (temporary / "a").write_text(content)


def test_replacing_works_with_and_without_an_exchange(exchanging, tmp_path):
    for content in "123":
        write(tmp_path / "best", content)
    assert (tmp_path / "best" / "a").read_text() == "3"
    assert [path.name for path in tmp_path.iterdir()] == ["best"]


def test_a_rename_that_fails_brings_the_old_folder_back(monkeypatch, tmp_path):
    write(tmp_path / "best", "1")
    real = os.replace

    def fails(source, target):
        if str(source).endswith(".part"):
            raise OSError(errno.ENOSPC, "No space left on device")
        real(source, target)

    monkeypatch.setattr(files, "exchange", lambda one, other: False)
    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(OSError, match="No space"):
        write(tmp_path / "best", "2")
    assert (tmp_path / "best" / "a").read_text() == "1"
    assert [path.name for path in tmp_path.iterdir()] == ["best"]


def test_recovery_after_a_kill_between_two_renames(tmp_path):
    """What is left is laid out by hand, as the kill leaves it: aside, whole and half written folders."""
    (tmp_path / ".best.aside").mkdir()
    (tmp_path / ".best.aside" / "a").write_text("1")
    (tmp_path / ".best.abcd1234.part").mkdir()
    (tmp_path / ".last.ckpt.abcd1234.part").write_text("half")
    (tmp_path / "last").mkdir()
    (tmp_path / ".last.aside").mkdir()
    (tmp_path / ".of.mine").write_text("kept")
    recover(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".of.mine", "best", "last"]
    assert (tmp_path / "best" / "a").read_text() == "1"


MASKS = [(0o022, 0o644, 0o755), (0o077, 0o600, 0o700), (0o002, 0o664, 0o775)]


@pytest.mark.parametrize(("mask", "file", "folder"), MASKS)
def test_the_umask_is_kept_also_where_a_library_writes_for_its_owner_alone(tmp_path, mask, file, folder):
    before = os.umask(mask)
    try:
        with replace_file(tmp_path / "a.safetensors") as temporary:
            save_file({"a": torch.ones(2)}, temporary)
        with replace_folder(tmp_path / "best") as temporary:
            save_file({"a": torch.ones(2)}, temporary / "a.safetensors")
            (temporary / "b.json").write_text("{}")
    finally:
        os.umask(before)
    written = [tmp_path / "a.safetensors", *(tmp_path / "best").iterdir()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in written} == {file}
    assert stat.S_IMODE((tmp_path / "best").stat().st_mode) == folder


@pytest.mark.parametrize("fault", [errno.EINVAL, errno.EACCES])
def test_a_file_system_that_flushes_no_folders_is_no_failure(monkeypatch, tmp_path, fault):
    real = os.fsync

    def fsync(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(fault, os.strerror(fault))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    with replace_file(tmp_path / "losses.csv") as temporary:
        temporary.write_text("new")
    write(tmp_path / "best", "1")
    assert (tmp_path / "losses.csv").read_text() == "new" and (tmp_path / "best" / "a").read_text() == "1"


def test_a_file_that_cannot_be_flushed_is_a_failure(monkeypatch, tmp_path):
    (tmp_path / "losses.csv").write_text("old")

    def fsync(handle):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="Input/output"), replace_file(tmp_path / "losses.csv") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "losses.csv").read_text() == "old"
