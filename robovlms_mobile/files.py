"""Write a file or a folder whole: beside its place first, flushed to the disk, then put there in one step.

Who may read what is written is the umask's business, as for any file a program creates.
"""

import ctypes
import errno
import json
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

RENAME_EXCHANGE = 2  # of Linux's renameat2
HERE = -100  # AT_FDCWD
PART, ASIDE = ".part", ".aside"  # how the names of what is half written, or was replaced, end
# What file systems (FUSE, SMB, some NFS) answer that flush no folders, and folders one may write in but not read.
NO_FOLDER_FLUSH = {errno.EINVAL, errno.EACCES, errno.EPERM, errno.EBADF, errno.ENOTSUP, errno.ENOSYS}


@contextmanager
def replace_file(path: str | Path, mode: int | None = None) -> Iterator[Path]:
    """Yield the path of an empty temporary file that takes the place of `path` when the block ends well.

    `mode`: who may do what with it (st_mode of an earlier file), instead of what the umask says.

    Raises:
        OSError: it cannot be written; what stood at `path` still does.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _part_of(path)
    temporary.touch(exist_ok=False)
    mode = temporary.stat().st_mode if mode is None else mode
    try:
        yield temporary
        _open_to(mode, temporary)
        flush(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    flush_folder(path.parent)


@contextmanager
def replace_folder(path: str | Path) -> Iterator[Path]:
    """Yield a temporary folder that takes the place of `path` when the block ends well.

    The old one lives until then. On Linux there is a whole folder at `path` at every instant; where the file system
    cannot exchange two names in one step (NFS, exFAT) there is none for a moment, and `leftovers.recover` mends what a
    process killed in that moment leaves.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _part_of(path)
    temporary.mkdir()
    try:
        yield temporary
        for file in temporary.iterdir():
            _open_to(temporary.stat().st_mode & 0o666, file)
            flush(file)
        flush_folder(temporary)
        _put(temporary, path)
        flush_folder(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def read_json(path: str | Path) -> Any:
    """Return what a JSON file holds, None where there is none that can be read."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def flush(path: str | Path) -> None:
    """Flush a file to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def flush_folder(path: str | Path) -> None:
    """Flush a folder's list of names to the disk, where its file system can.

    Where it cannot, a power cut may undo the last renames: an old file or a new one is there even so, and whole.
    """
    try:
        flush(path)
    except OSError as error:
        if error.errno not in NO_FOLDER_FLUSH:
            raise


def exchange(one: str | Path, other: str | Path) -> bool:
    """Exchange two names in one step, if system and file system can. Returns True when it was done."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    return rename is not None and not rename(HERE, os.fsencode(one), HERE, os.fsencode(other), RENAME_EXCHANGE)


def _part_of(path):
    """Return a name beside `path` that nothing has yet."""
    return path.with_name(f".{path.name}.{uuid4().hex[:8]}{PART}")


def _open_to(mode, file):
    """Let those read and write `file` who may by the umask: safetensors leaves its files to their owner alone."""
    if stat.S_IMODE(file.stat().st_mode) != stat.S_IMODE(mode) and file.is_file():
        with suppress(PermissionError):  # a link to another user's file, or a file system without modes
            file.chmod(stat.S_IMODE(mode))


def _put(temporary, path):
    """Give a folder its place. What was there is at `temporary` then, or gone."""
    if not path.exists():
        os.replace(temporary, path)
    elif not exchange(temporary, path):
        from robovlms_mobile.leftovers import put_over

        put_over(temporary, path)
