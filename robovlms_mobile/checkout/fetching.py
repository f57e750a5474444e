"""Fetch upstream at the pinned commit into an empty place. The only module that uses the network."""

import dataclasses
import os
import shutil
import tempfile
from pathlib import Path

from robovlms_mobile.checkout.gitio import git_bytes, git_text
from robovlms_mobile.checkout.location import candidates, find_checkout
from robovlms_mobile.checkout.series import Series
from robovlms_mobile.checkout.working_copy import Status, checkout_status
from robovlms_mobile.errors import CheckoutError

REACH_SECONDS = 60  # to answer at all
FETCH_SECONDS = 900  # to hand over everything


def fetch(root: str | Path | None = None, source: str | Path | None = None, *, series: Series | None = None) -> Status:
    """Bring upstream, at the pinned commit, to `root` (default: ROBOVLMS_ROOT, else ./RoboVLMs).

    Where that folder is a submodule of the repository around it, the submodule is filled, from the address that
    `git config submodule.NAME.url` gives; else it is cloned. An existing checkout is reported and left alone.

    Args:
        source: address or local git folder to take it from instead.

    Returns:
        Status: the state afterwards, its message saying what was done.

    Raises:
        CheckoutError: the folder holds something else, the source cannot be reached in a minute, or it lacks the
            pinned commit. Nothing is left half done.
    """
    series = series or Series.load()
    if find_checkout(root) is not None:
        return _already_there(root, series)
    target = candidates(root)[0]
    _require_empty(target)
    source = _absolute(source) if source else None
    module = _submodule(target)
    address = source or (module and _module_address(target.parent, module)) or series.upstream
    if not address.startswith("."):  # only git itself resolves a submodule's relative address
        _git(".", target, address, "ls-remote", "--quiet", "--", address, "HEAD", seconds=REACH_SECONDS)
    if module:
        _fill_submodule(target, module, source, address)
    else:
        _clone(target, address, series.commit)
    return _fetched(root, series, address)


def _already_there(root, series):
    status = checkout_status(root, series=series)
    if status.commit not in (None, series.commit):
        raise CheckoutError(
            f"{status.root} is there already, and fetch changes no existing checkout: {status.message}. "
            f"Use it, or run: git -C {status.root} checkout {series.commit}"
        )
    return dataclasses.replace(status, message=f"already fetched; {status.message}")


def _require_empty(target):
    if target.exists() and not target.is_dir():
        raise CheckoutError(f"{target} is a file. Run: robovlms-mobile upstream fetch --root ANOTHER_FOLDER")
    found = sorted(path.name for path in target.iterdir()) if target.is_dir() else []
    if set(found) - {".git"}:
        raise CheckoutError(
            f"{target} is no RoboVLMs checkout and not empty ({len(found)} entries, the first is {found[0]}); "
            "nothing in it is overwritten. Run: robovlms-mobile upstream fetch --root ANOTHER_FOLDER"
        )


def _absolute(source: str | Path) -> str:
    local = Path(source).expanduser()
    return str(local.absolute() if local.exists() else source)


def _submodule(target):
    """Return the name of the submodule that `target` is in the repository around it, or None."""
    parent = target.parent
    if not ((parent / ".gitmodules").is_file() and (parent / ".git").exists()):
        return None
    if not _ask(parent, "ls-files", "--stage", "--", target.name).startswith("160000 "):
        return None
    paths = _ask(parent, "config", "--file", ".gitmodules", "--get-regexp", r"^submodule\..*\.path$")
    for key, path in (line.split(" ", 1) for line in paths.splitlines()):
        if path == target.name:
            return key.removeprefix("submodule.").removesuffix(".path")
    return None


def _module_address(parent, module):
    key = f"submodule.{module}.url"
    return _ask(parent, "config", key) or _ask(parent, "config", "--file", ".gitmodules", key)


def _ask(folder, *args):
    """Return what a local git command prints; nothing where it fails, as `git config` does for a missing key."""
    try:
        return git_text(folder, *args, what="git cannot say")
    except CheckoutError:
        return ""


def _fill_submodule(target, module, source, address):
    settings = []
    if source:
        settings += ["-c", f"submodule.{module}.url={source}"]
    if source and Path(source).exists():
        settings += ["-c", "protocol.file.allow=always"]  # git refuses local submodules unless someone asked for one
    # --force fills what an interrupted update left: a folder with nothing but its .git
    force = ["--force"] if target.is_dir() and any(target.iterdir()) else []
    update = [*settings, "submodule", "update", "--quiet", "--init", *force, "--", target.name]
    _git(target.parent, target, address, *update)


def _clone(target, address, commit):
    if target.is_dir() and any(target.iterdir()):
        raise CheckoutError(f"{target} holds a .git and nothing else. Remove it and run fetch again: rm -r {target}")
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        copy = scratch / target.name
        _git(scratch, target, address, "clone", "--quiet", "--no-checkout", "--", address, str(copy))
        _git(copy, target, address, "checkout", "--quiet", "--detach", commit)
        os.replace(copy, target)  # an empty folder may be there
    finally:
        shutil.rmtree(scratch)


def _fetched(root, series, address):
    status = checkout_status(root, series=series)
    if status.commit != series.commit:
        raise CheckoutError(f"fetched from {address}, but {status.root} is {status.state}: {status.message}")
    return dataclasses.replace(status, message=f"fetched {series.commit[:7]} from {address}; {status.message}")


def _git(folder, target, address, *args, seconds=FETCH_SECONDS):
    try:
        git_bytes(folder, *args, what=f"cannot fetch RoboVLMs from {address} into {target}", seconds=seconds)
    except CheckoutError as error:
        way_out = "robovlms-mobile upstream fetch --source DIR, or set ROBOVLMS_ROOT to a checkout"
        raise CheckoutError(f"{error}. Give a copy you have: {way_out}") from error
