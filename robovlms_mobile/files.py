"""Write a file or a folder whole: beside its place first, flushed to the disk, then put there in one step."""

import ctypes
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

RENAME_EXCHANGE = 2  # of Linux's renameat2
HERE = -100  # AT_FDCWD
PART, ASIDE = ".part", ".aside"  # how the names of what is half written, or was replaced, end


@contextmanager
def replace_file(path):
    """Yield the path of a temporary file that takes the place of `path` when the block ends well."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=PART)
    os.close(handle)
    temporary = Path(temporary)
    try:
        yield temporary
        temporary.chmod(0o644)
        flush(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    flush(path.parent)


@contextmanager
def replace_folder(path):
    """Yield a temporary folder that takes the place of `path` when the block ends well.

    The old one lives until then. On Linux there is a whole folder at `path` at every instant; where the file system
    cannot exchange two names in one step (NFS, exFAT) there is none for a moment, and `recover` mends what a process
    killed in that moment leaves.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=PART))
    try:
        yield temporary
        temporary.chmod(0o755)
        for file in (*temporary.iterdir(), temporary):
            flush(file)
        _put(temporary, path)
        flush(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove_folder(path):
    """Remove a folder in one step: a process killed meanwhile leaves it whole, or out of sight for `recover`."""
    path = Path(path)
    away = path.with_name(f".{path.name}{PART}")
    shutil.rmtree(away, ignore_errors=True)
    os.replace(path, away)
    shutil.rmtree(away, ignore_errors=True)


def recover(folder):
    """Mend what killed writers left in `folder`: old folders go back where nothing took their place, the rest goes.

    No other process may be writing there.
    """
    for aside in Path(folder).glob(f".*{ASIDE}"):
        place = aside.with_name(aside.name[1:].removesuffix(ASIDE))
        if place.exists():
            shutil.rmtree(aside)
        else:
            os.replace(aside, place)
    for part in Path(folder).glob(f".*{PART}"):
        shutil.rmtree(part) if part.is_dir() else part.unlink()


def flush(path):
    """Flush a file or a folder to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def exchange(one, other):
    """Exchange two names in one step, if system and file system can. Returns True when it was done."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    return rename is not None and not rename(HERE, os.fsencode(one), HERE, os.fsencode(other), RENAME_EXCHANGE)


def _put(temporary, path):
    """Give a folder its place. What was there is at `temporary` then, or gone."""
    if not path.exists():
        os.replace(temporary, path)
    elif not exchange(temporary, path):
        aside = path.with_name(f".{path.name}{ASIDE}")
        shutil.rmtree(aside, ignore_errors=True)
        os.replace(path, aside)
        try:
            os.replace(temporary, path)
        except OSError:
            os.replace(aside, path)
            raise
        shutil.rmtree(aside, ignore_errors=True)
