"""A file or folder is replaced whole or not at all."""

import pytest

from robovlms_mobile.files import replace_file, replace_folder


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
