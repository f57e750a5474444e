"""Run git: it never asks, never looks above its folder, and its failures are a CheckoutError of one line."""

import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from robovlms_mobile.errors import CheckoutError

# fail instead of asking; English messages, for `_reason`; a look takes no lock
QUIET = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "true",
    "GCM_INTERACTIVE": "never",
    "SSH_ASKPASS_REQUIRE": "never",
    "LC_ALL": "C",
    "GIT_OPTIONAL_LOCKS": "0",
}


def git_bytes(
    folder: str | Path, *args: str, what: str, seconds: float | None = None, environ: Mapping[str, str] | None = None
) -> bytes:
    """Run git in `folder`, in a session of its own: it dies with its children when late. Returns what it printed.

    Raises:
        CheckoutError: "WHAT: git's reason", or that git is missing.
    """
    ceiling = {"GIT_CEILING_DIRECTORIES": os.path.dirname(os.path.realpath(folder))}
    env, pipe = {**os.environ, **QUIET, **ceiling, **(environ or {})}, subprocess.PIPE
    try:
        process = subprocess.Popen(
            ["git", *args],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise CheckoutError("git is not installed. Run: sudo apt install git") from error
    try:
        stdout, stderr = process.communicate(timeout=seconds)
    except BaseException as error:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            raise CheckoutError(f"{what}: no answer in {seconds} s") from error
        raise
    if process.returncode:
        raise CheckoutError(f"{what}: {_reason(stderr.decode(errors='replace'))}")
    return stdout


def git_text(folder: str | Path, *args: str, what: str) -> str:
    """Return what a git command prints, as text without the last line end. Raises as `git_bytes` does."""
    return os.fsdecode(git_bytes(folder, *args, what=what)).removesuffix("\n")


def _reason(stderr):
    """Return the line of git's stderr that says why it stopped, without its prefix."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    for prefix in ("fatal: ", "error: "):
        for line in lines:
            if line.startswith(prefix):
                return line.removeprefix(prefix)
    return lines[-1] if lines else "no reason given"
