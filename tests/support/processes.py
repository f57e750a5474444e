"""Run git and Python for tests."""

import os
import subprocess
import sys

QUIET = {
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
RENDEZVOUS = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


def git(*arguments):
    """Run git and return what it printed, stripped; raises where git fails."""
    command = ["git", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def run_python(arguments, cwd, env=None, timeout=300):
    """Run this Python with `arguments` in `cwd`; return the CompletedProcess, stdout and stderr as text.

    One thread, no bytecode written, and no rank left over from this process; `env` is added on top (None
    removes a variable). A test checks `returncode` itself.
    """
    wanted = {**os.environ, **QUIET, **dict.fromkeys(RENDEZVOUS), **(env or {})}
    environ = {name: str(value) for name, value in wanted.items() if value is not None}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environ, timeout=timeout, capture_output=True, text=True)
