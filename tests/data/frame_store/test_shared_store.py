"""A frame store that several users read: the umask decides who may, and who may not harms nothing."""

import errno
import json
import os
import shutil
import stat
import tempfile
import traceback
import warnings
from pathlib import Path

import numpy as np
import pytest
from torch.utils.data import DataLoader, Dataset

from robovlms_mobile.data.dataset import MobileVLAH5Dataset
from robovlms_mobile.data.frame_store import build as building
from robovlms_mobile.data.frame_store.build import build
from robovlms_mobile.data.frame_store.open import ready_store
from robovlms_mobile.data.frame_store.store import open_store
from robovlms_mobile.data.hdf5.episode_file import read_episode
from robovlms_mobile.data.images import ImageTransform
from robovlms_mobile.simulation.recordings import write_episodes

SIZES = {"window_size": 4, "fwd_pred_next_n": 10, "image_size": 32}
STRANGER, GROUP = 65534, 65533
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
def umask():
    """Set the umask of this process for the length of a test."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


@pytest.fixture
def place():
    """A folder that everyone may enter and write to, with two episodes in `data`."""
    folder = Path(tempfile.mkdtemp())  # pytest's own are closed to other users
    folder.chmod(0o777)
    write_episodes(folder / "data", episodes=2, seed=0, size=(64, 36))
    yield folder
    shutil.rmtree(folder)


def paths(place):
    return sorted((place / "data").glob("*.h5"))


def built(place):
    store = open_store(place / "data", 32, folder=place / "frames")
    build(store, paths(place))
    return store


def has(store, place):
    return [store.has(path) for path in paths(place)]


def pixels(place):
    """The sum that `reading` comes to without a store."""
    dataset = MobileVLAH5Dataset(data_dir=str(place / "data"), **SIZES)
    dataset.store = None
    return sum(int(dataset[index]["rgb"].sum()) for index in range(len(dataset)))


def modes(store):
    return {stat.S_IMODE(path.stat().st_mode) for path in store.folder.iterdir()}


def as_user(action, umask=0o022, groups=(STRANGER,)):
    """Run `action` in a child process as a user without rights. Returns what it returns, through JSON."""
    out, into = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.umask(umask)
            os.setgroups(groups)
            os.setresgid(groups[0], groups[0], groups[0])
            os.setresuid(STRANGER, STRANGER, STRANGER)
            os.write(into, json.dumps(action()).encode())
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(into)
    with os.fdopen(out) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return json.loads(text)


def reading(place):
    """Return a function that reads every window through the store, as a run does: the pixels' sum, what it warned."""
    dataset = MobileVLAH5Dataset(data_dir=str(place / "data"), **SIZES)

    def read():
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            dataset.store = the_store(place, dataset)
            total = sum(int(dataset[index]["rgb"].sum()) for index in range(len(dataset)))
        return [total, [str(each.message) for each in warned]]

    return read


def the_store(place, dataset):
    return ready_store(dataset.block, paths(place), ImageTransform(32, {"frames": {"dir": str(place / "frames")}}))


@pytest.fixture
def known(place, monkeypatch):
    """What looks at a file first is a process of its own, which another user may not be able to start here."""
    episodes = {path: read_episode(path) for path in paths(place)}
    monkeypatch.setattr(building, "read_episode", episodes.__getitem__)
    return episodes


@pytest.mark.parametrize(
    ("mask", "file", "folder"), [(0o022, 0o644, 0o755), (0o077, 0o600, 0o700), (0o002, 0o664, 0o775)]
)
def test_files_and_folders_of_a_store_keep_the_umask(place, umask, mask, file, folder):
    umask(mask)
    store = built(place)
    assert modes(store) == {file}
    assert stat.S_IMODE(store.folder.stat().st_mode) == folder


@as_root
def test_another_user_reads_a_store_and_writes_nothing_of_it(place, umask):
    store = built(place)
    before = {path.name: path.stat().st_mtime_ns for path in store.folder.iterdir()}
    assert as_user(reading(place)) == [pixels(place), []]
    assert {path.name: path.stat().st_mtime_ns for path in store.folder.iterdir()} == before


@as_root
def test_what_another_user_may_not_read_is_one_warning_and_stays(place, umask):
    """Decoded files closed to others in a folder they may write to: they read afresh, and delete nothing."""
    store = built(place)
    for path in store.folder.glob("*.npy"):
        path.chmod(0o600)
    store.folder.chmod(0o777)
    total, (warned,) = as_user(reading(place))
    assert total == pixels(place)
    assert "Permission denied" in warned and "s of CPU" in warned and "chmod -R a+rX" in warned
    assert len(list(store.folder.glob("*.npy"))) == 2 and reading(place)() == [total, []]


@as_root
def test_a_store_of_a_closed_umask_is_one_warning_to_another_user(place, umask):
    umask(0o077)
    store = built(place)
    total, (warned,) = as_user(reading(place))
    assert total == pixels(place) and "Permission denied" in warned and "2 of 2" in warned and "s of CPU" in warned
    assert modes(store) == {0o600} and reading(place)() == [total, []]


@as_root
def test_a_group_shares_a_store_under_umask_002(place, umask, known):
    """One of the group decodes what is there; then a file changes, and another of them decodes it."""
    umask(0o002)
    os.setegid(GROUP)
    try:
        built(place)
    finally:
        os.setegid(0)
    shutil.copy(paths(place)[1], paths(place)[0])
    assert as_user(lambda: has(built(place), place), umask=0o002, groups=(GROUP,)) == [True, True]
    assert modes(open_store(place / "data", 32, folder=place / "frames")) == {0o664}


@as_root
def test_an_episode_that_this_user_may_not_read_is_no_fault_of_the_store(place, umask, known):
    paths(place)[1].chmod(0o600)
    assert as_user(lambda: has(built(place), place)) == [True, False]


@pytest.mark.parametrize("fault", [errno.EMFILE, errno.ENFILE, errno.EACCES, errno.EIO])
def test_only_damage_removes_a_decoded_file(place, monkeypatch, fault):
    store, load = built(place), np.load
    name = paths(place)[0].name

    def refused(*_, **__):
        raise OSError(fault, os.strerror(fault))

    monkeypatch.setattr(np, "load", refused)
    with pytest.warns(UserWarning, match=rf"{os.strerror(fault)}.* s of CPU .*ulimit -n") as warned:
        for _ in range(3):
            with pytest.raises(KeyError, match=name):
                store.planes(name)
    assert len(warned) == 1
    monkeypatch.setattr(np, "load", load)
    assert store.planes(name).shape[1:] == (3, 32, 32)


class Warned(Dataset):
    """How many warnings reading a window brings."""

    def __init__(self, dataset):
        self.dataset = dataset

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, index):
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            self.dataset[index]
        return len(warned)


def test_what_a_worker_warned_of_no_other_does(place):
    store = built(place)
    dataset = MobileVLAH5Dataset(data_dir=str(place / "data"), **SIZES)
    dataset.store = the_store(place, dataset)
    for path in store.folder.glob("*.npy"):
        path.write_bytes(b"")
    windows = Warned(dataset)
    for expected in (1, 0):
        assert sum(DataLoader(windows, num_workers=1, batch_size=None)) == expected
    assert windows[0] == 0
