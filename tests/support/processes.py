"""Run git and Python for tests."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

QUIET = {
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONFAULTHANDLER": "1",
}
MARK = "TESTS_STARTED"  # its value tells what one call started, also in sessions of their own as torchrun has them
RENDEZVOUS = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


def git(*arguments):
    """Run git and return what it printed, stripped; raises where git fails."""
    command = ["git", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def run_warm(arguments, cwd, env=None, timeout=300):
    """As `run_python`, in a process that has imported the large packages already: see support/warm.py."""
    global _warm
    if sys.platform != "linux":  # elsewhere what has started threads must not fork
        return run_python(arguments, cwd, env, timeout)
    environ = _environ(env)
    if _warm is None or _warm.poll() is not None:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "bufsize": 0}  # for select to see what is left
        _warm = subprocess.Popen([sys.executable, Path(__file__).with_name("warm.py")], env=_environ({}), **pipes)
    with tempfile.TemporaryDirectory() as folder:
        files = {name: f"{folder}/{name}" for name in ("stdout", "stderr")}
        request = {"argv": [*map(str, arguments)], "cwd": str(cwd), "env": environ, **files}
        _warm.stdin.write(json.dumps(request).encode() + b"\n")
        process = int(_warm.stdout.readline())
        over = select.select([_warm.stdout], [], [], timeout)[0]
        if not over:
            os.killpg(process, signal.SIGABRT)
        status = int(_warm.stdout.readline())
        stdout, stderr = (Path(file).read_text(encoding="utf-8") for file in files.values())
    if not over:
        raise AssertionError(f"not over after {timeout} s: {arguments}\n{stdout}\n{stderr[-20000:]}")
    return subprocess.CompletedProcess(arguments, os.waitstatus_to_exitcode(status), stdout, stderr)


_warm = None


def _environ(env):
    wanted = {**os.environ, **QUIET, **dict.fromkeys(RENDEZVOUS), MARK: uuid.uuid4().hex, **(env or {})}
    return {name: str(value) for name, value in wanted.items() if value is not None}


def run_python(arguments, cwd, env=None, timeout=300):
    """Run this Python with `arguments` in `cwd`; return the CompletedProcess, stdout and stderr as text.

    One thread, no bytecode written, and no rank left over from this process; `env` is added on top (None
    removes a variable). A test checks `returncode` itself. One that outlasts `timeout` fails the test with what it
    printed and where each of its processes stood.
    """
    environ = _environ(env)
    command = [sys.executable, *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=cwd, env=environ, **pipes) as process:
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            _signal(environ[MARK], signal.SIGABRT)  # Python's faulthandler then prints the stacks
            try:
                stdout, stderr = process.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                _signal(environ[MARK], signal.SIGKILL)
                process.kill()
                stdout, stderr = process.communicate()
            raise AssertionError(f"not over after {timeout} s: {command}\n{stdout}\n{stderr[-20000:]}") from None
    return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)


def _signal(mark, number):
    """Send a signal to every process that has this mark in its environment. Linux alone has such a list."""
    for environ in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):  # another user's, or over meanwhile
            if f"{MARK}={mark}".encode() in environ.read_bytes():
                os.kill(int(environ.parent.name), number)
