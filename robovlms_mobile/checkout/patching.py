"""Apply and revert the patch series in a checkout: everything is checked, then each file is replaced at once."""

import contextlib
import dataclasses
import os
import stat
from pathlib import Path

from robovlms_mobile.checkout.gitio import git_errors, git_in
from robovlms_mobile.checkout.series import Series
from robovlms_mobile.checkout.tree import (
    APPLIED,
    LOCALLY_CHANGED,
    MISSING,
    RECEIPT,
    UNKNOWN,
    UPSTREAM_CHANGED,
    patch_states,
    read_tree,
    temporary,
)
from robovlms_mobile.checkout.working_copy import checkout_status, require_checkout
from robovlms_mobile.errors import CheckoutError


def patch(root=None, *, series=None):
    """Apply the patches that are missing; finishes what an interrupted patch or unpatch left.

    Returns:
        Status: the state afterwards, its message saying what was done to each patch.

    Raises:
        CheckoutError: no checkout, a file a patch needs was changed by the user or by upstream, or a patch is bad.
            Nothing was written.
    """
    return _turn(root, series, reverse=False)


def unpatch(root=None, *, series=None):
    """Revert the patches that are applied, byte for byte. Returns and raises as `patch` does."""
    return _turn(root, series, reverse=True)


def _turn(root, series, *, reverse):
    series = series or Series.load()
    folder = require_checkout(root)
    before = checkout_status(root, series=series)
    tree = read_tree(folder, [patch.file for patch in series.patches])
    states = patch_states(series, tree)
    _refuse_what_is_not_ours(states, before, reverse=reverse)
    plan = _plan(series, tree, states, reverse=reverse)
    for leftover in tree.leftovers:
        leftover.unlink()
    if tree.commit is None and plan and not reverse:
        files = tree.receipt | {path.relative_to(folder).as_posix() for path, _ in plan}
        _replace(folder / RECEIPT, "\n".join(sorted(files)).encode())
    for path, data in plan:
        _replace(path, data)
    if reverse and tree.receipt:
        _replace(folder / RECEIPT, None)
    if tree.commit is not None and plan:
        _refresh_index(folder)
    return dataclasses.replace(checkout_status(root, series=series), message=_report(states, reverse=reverse))


def _refuse_what_is_not_ours(states, status, *, reverse):
    blocking = {LOCALLY_CHANGED, UNKNOWN} | (set() if reverse else {UPSTREAM_CHANGED})
    blocked = [patch for patch in states if patch.state in blocking]
    if blocked:
        files = ", ".join(f"{patch.file} ({patch.state}, needed by {patch.name})" for patch in blocked)
        raise CheckoutError(f"nothing was written in {status.root}: {files}. See: {status.next}")


def _plan(series, tree, states, *, reverse):
    """Return [(path, new bytes, or None to remove the file)] for the patches whose turn it is."""
    plan = []
    for patch, state in zip(series.patches, states, strict=True):
        if state.state != (APPLIED if reverse else MISSING):
            continue
        path = tree.root / patch.file
        data = patch.rewrite(path.read_bytes() if path.exists() else b"", reverse=reverse)
        created = reverse and tree.commit is not None and patch.file not in tree.blobs
        plan.append((path, None if created else data))
    return plan[::-1] if reverse else plan


def _replace(path, data):
    """Put `data` (None: no file) at `path` in one step, keeping mode and owner of the file that was there."""
    if data is None:
        path.unlink()
    else:
        beside = temporary(path)
        try:
            with open(beside, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            if path.exists():
                _take_over(path.stat(), beside)
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _take_over(original, path):
    written = path.stat()
    if (original.st_uid, original.st_gid) != (written.st_uid, written.st_gid):
        with contextlib.suppress(PermissionError):  # only root can give a file away; ours it is then
            os.chown(path, original.st_uid, original.st_gid)
    os.chmod(path, stat.S_IMODE(original.st_mode))


def _sync_folder(folder: Path):
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _refresh_index(folder):
    """Let git look at the new files once, so that also its plumbing calls an unpatched tree clean."""
    git = git_in(folder)
    git.update_environment(GIT_OPTIONAL_LOCKS="1")
    with git_errors(f"git cannot read {folder}"):
        git.status("--porcelain", "--untracked-files=no")


def _report(states, *, reverse):
    turned, done, idle = (APPLIED, "reverted", "not applied") if reverse else (MISSING, "applied", "already applied")
    parts = [f"{patch.name} {done if patch.state == turned else _idle(patch.state, idle)}" for patch in states]
    return "; ".join(parts)


def _idle(state, word):
    return word if state in (APPLIED, MISSING) else f"left as it is ({state})"
