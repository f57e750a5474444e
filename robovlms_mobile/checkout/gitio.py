"""Run git through GitPython, with its failures as CheckoutError in one line. Local commands only, no network."""

import contextlib
import os

from robovlms_mobile.errors import CheckoutError


def git_in(folder):
    """Return GitPython's command runner for `folder`: it never looks above it, writes no index, never prompts.

    Raises:
        CheckoutError: the program git is missing.
    """
    try:
        import git
    except ImportError as error:  # GitPython's own answer to a missing git program
        fix = "pip install gitpython" if error.name == "git" else "sudo apt install git"
        raise CheckoutError(f"git cannot be used ({str(error).splitlines()[0]}). Run: {fix}") from error
    runner = git.Git(folder)
    runner.update_environment(
        GIT_TERMINAL_PROMPT="0",
        GIT_OPTIONAL_LOCKS="0",
        GIT_CEILING_DIRECTORIES=os.path.dirname(os.path.realpath(folder)),
    )
    return runner


@contextlib.contextmanager
def git_errors(what):
    """Turn a failing git command into `CheckoutError("WHAT: git's reason")`."""
    git_in(os.curdir)  # so that a missing git is said as such before GitPython's names are needed
    from git.exc import GitCommandError

    try:
        yield
    except GitCommandError as error:
        raise CheckoutError(f"{what}: {reason(error.stderr)}") from error


def reason(stderr):
    """Return the line of git's stderr that says why it stopped, without its prefix."""
    lines = [line.strip().strip("'") for line in str(stderr).replace("stderr: '", "").splitlines()]
    lines = [line for line in lines if line]
    for prefix in ("fatal: ", "error: "):
        for line in lines:
            if line.startswith(prefix):
                return line.removeprefix(prefix)
    return lines[-1] if lines else "no reason given"
