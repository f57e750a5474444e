"""One run at a time in a folder: a lock that the system lets go of when its process ends, killed or not.

On NFS it holds between machines where the server has a lock service; mounted with `nolock`, between processes of one
machine only. Where the file system has no locks at all, that is said once and the run goes on without.
"""

import atexit
import errno
import logging
import os
import socket
from contextlib import suppress
from datetime import datetime
from pathlib import Path

LOCK = ".lock"
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)

log = logging.getLogger(__name__)
_held = {}  # path of a lock → its open file, and the process that took it


def hold(folder: Path) -> str | None:
    """Take a run's folder, made where there is none, for this process until it ends or calls `release`.

    Returns:
        Who has it, in words; None when it is ours now.

    Raises:
        OSError: nothing can be written there.
    """
    path = Path(folder).resolve() / LOCK
    while path not in _held:
        file = _opened(path)
        try:
            _lock(file)
        except BlockingIOError:
            with file:
                file.seek(0)
                return file.read() or "another process"  # which has not signed yet
        if _is_there(path, file):  # else its holder has just removed it, and another may be at a new one
            _held[path] = file, os.getpid()
            _sign(file)
        else:
            file.close()
    return None


def release() -> None:
    """Let go of every folder that this process holds, and remove those that nothing was written in."""
    for path, (file, process) in list(_held.items()):
        if process == os.getpid():
            with suppress(OSError):
                path.unlink()
                path.parent.rmdir()  # not where there is anything in it
        file.close()
    _held.clear()


atexit.register(release)


def _opened(path, again=True):
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return open(path, "a+", encoding="utf-8")
    except FileNotFoundError:  # whoever held the folder has just removed it
        if again:
            return _opened(path, again=False)
        raise


def _lock(file):
    """Raise BlockingIOError where another process has it."""
    import fcntl

    try:
        # Not flock, and so not filelock: children inherit that one. The data workers of a killed run live on for some
        # seconds, and would keep everyone from resuming it.
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            raise BlockingIOError(*error.args) from None
        if error.errno not in NO_LOCKS:
            raise
        log.warning("%s: its file system has no locks. Do not start two runs in this folder at once.", file.name)


def _is_there(path, file):
    with suppress(FileNotFoundError):
        return os.path.samestat(os.stat(path), os.fstat(file.fileno()))
    return False


def _sign(file):
    since = datetime.now().astimezone().isoformat(timespec="seconds")
    file.truncate(0)
    file.write(f"process {os.getpid()} on {socket.gethostname()}, since {since}")
    file.flush()
