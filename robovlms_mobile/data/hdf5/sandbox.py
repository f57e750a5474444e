"""Look at episode files in a helper process first: what crashes, hangs or bloats the HDF5 library ends only that one.

libhdf5 believes much of what a file says; a chunk index that contains itself overflows its stack. No exception comes
of that, so a file nobody has read yet is read there. One helper serves a process, ends when idle, and knows no torch.
"""

import atexit
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from robovlms_mobile.errors import DataError, MobileError

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

PATIENCE = 60  # seconds for one file: a disk may have to wake up
WORK = 10  # seconds of CPU for one file, which takes milliseconds
IDLE = 20  # seconds after which a helper that is asked nothing ends
MEMORY = 1 << 30  # bytes the helper may take beyond what it starts with


def examine_apart(path: str | Path) -> dict:
    """Return what `data.hdf5.inspect.examine` returns for `path`, run in the helper.

    Raises:
        DataError: as `examine`; also when looking at the file ends the helper, takes over PATIENCE, or too much memory.
    """
    with _lock:
        return _ask(Path(path))


def _ask(path, again=True):
    global _helper
    if _helper is None:
        _helper = _Helper()
    try:
        answer = _helper.ask(str(path.absolute()))
    except TimeoutError as error:
        _forget()
        raise DataError(f"{path.name}: not read within {PATIENCE} s: damaged, or its disk does not answer") from error
    except (EOFError, BrokenPipeError) as error:
        status = _forget()
        if again and status != -signal.SIGXCPU:  # it may have ended for another reason: idle, or killed
            return _ask(path, again=status == 0)
        raise DataError(f"{path.name}: damaged, reading it {_ended(status)}") from error
    if "error" in answer:
        raise DataError(answer["error"])
    return answer


def _ended(status):
    if status == -signal.SIGXCPU:
        return f"keeps the HDF5 library busy for over {WORK} s"
    return f"crashes the HDF5 library ({signal.Signals(-status).name if status < 0 else f'exit status {status}'})"


class _Helper:
    """The process and its two pipes."""

    def __init__(self):
        root = str(Path(__file__).resolve().parents[3])
        path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        quiet = {"PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self.complaints = tempfile.TemporaryFile()  # noqa: SIM115, lives as long as the process
        self.process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.complaints,
            env={**os.environ, **quiet},
            start_new_session=True,  # Ctrl-C is for the run, which may want to finish its step
        )
        self.rest = b""
        try:
            self._line()
        except (EOFError, TimeoutError) as error:
            self.end()
            self.complaints.seek(0)
            words = self.complaints.read().decode(errors="replace")[-500:]
            raise MobileError(f"The process that looks at episode files does not start: {words}") from error

    def ask(self, path):
        """Send a path, wait for the answer. Raises TimeoutError, or EOFError and BrokenPipeError when it is gone."""
        self.process.stdin.write(json.dumps(path).encode() + b"\n")
        self.process.stdin.flush()
        return json.loads(self._line())

    def _line(self):
        while b"\n" not in self.rest:
            if not select.select([self.process.stdout], [], [], PATIENCE)[0]:
                raise TimeoutError
            read = os.read(self.process.stdout.fileno(), 1 << 20)
            if not read:
                raise EOFError
            self.rest += read
        line, _, self.rest = self.rest.partition(b"\n")
        return line

    def end(self):
        """End it if it has not ended. Returns its exit status, negative for a signal."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()
        try:
            return self.process.wait(1)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


def _forget():
    global _helper
    helper, _helper = _helper, None
    return helper.end() if helper else 0


def _after_fork():
    """A forked child has its parent's pipes: it takes a helper of its own."""
    global _helper, _lock
    _helper, _lock = None, threading.Lock()


_helper, _lock = None, threading.Lock()
atexit.register(_forget)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def serve() -> None:
    """Answer paths on stdin with one line each, until stdin ends or nothing comes for IDLE seconds."""
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # whatever else prints
    from robovlms_mobile.data.hdf5.inspect import examine

    _limit_memory()
    answers.write("ready\n")
    answers.flush()
    while select.select([0], [], [], IDLE)[0] and (line := sys.stdin.buffer.readline()):
        _limit_work()
        try:
            answer = examine(json.loads(line))
        except DataError as error:
            answer = {"error": str(error)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _limit_memory():
    pages = Path("/proc/self/statm")
    if pages.exists():  # elsewhere nobody says how much it has, and macOS keeps no such limit
        _limit("RLIMIT_AS", int(pages.read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE") + MEMORY)
    _limit("RLIMIT_CORE", 0)


def _limit_work():
    _limit("RLIMIT_CPU", int(time.process_time()) + WORK)


def _limit(name, most):
    """Set a limit where the system has it and takes it; PATIENCE holds everywhere."""
    kind = getattr(resource, name, None)
    if kind is not None:
        hard = resource.getrlimit(kind)[1]
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


if __name__ == "__main__":
    serve()
