"""Apply and revert the patch series in a checkout: everything is checked, then each file is replaced at once."""

import dataclasses
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from robovlms_mobile.checkout.gitio import git_bytes, git_text
from robovlms_mobile.checkout.location import require_checkout
from robovlms_mobile.checkout.series import Patch, Series
from robovlms_mobile.checkout.working_copy import (
    APPLIED,
    LOCALLY_CHANGED,
    MISSING,
    UPSTREAM_CHANGED,
    Status,
    checkout_status,
    leftovers,
)
from robovlms_mobile.errors import CheckoutError
from robovlms_mobile.files import flush_folder, replace_file


def patch(root: str | Path | None = None, *, series: Series | None = None) -> Status:
    """Apply the patches that are missing; finishes what an interrupted patch or unpatch left.

    Returns:
        Status: the state afterwards, its message saying what was done to each patch.

    Raises:
        CheckoutError: no checkout or none of git's, a file a patch needs was changed by the user or by upstream, or a
            patch is bad. Nothing was written.
    """
    return _turn(root, series or Series.load(), MISSING, "applied", {APPLIED: "already applied"})


def unpatch(root: str | Path | None = None, *, series: Series | None = None) -> Status:
    """Revert the patches that are applied, byte for byte. Returns and raises as `patch` does."""
    return _turn(root, series or Series.load(), APPLIED, "reverted", {MISSING: "not applied"})


def _turn(root, series, turned, done, idle):
    """Change the files of the patches that are `turned`; `done` and `idle` are the words for those and the others."""
    folder = require_checkout(root)
    status = checkout_status(root, series=series)
    blocking = {LOCALLY_CHANGED, *([UPSTREAM_CHANGED] if turned == MISSING else [])}
    blocked = [
        f"{each.file} ({each.state}, needed by {each.name})" for each in status.patches if each.state in blocking
    ]
    if blocked or status.commit is None:
        raise CheckoutError(
            f"nothing was written in {folder}: {', '.join(blocked) or status.message}. See: {status.next}"
        )
    states = [each.state for each in status.patches]
    due = [each for each, state in zip(series.patches, states, strict=True) if state == turned]
    plan = [(folder / each.file, _turned(folder, each, reverse=turned == APPLIED)) for each in due]
    for leftover in leftovers(folder, series):
        leftover.unlink()
    for path, data in plan:
        _replace(path, data)
    if plan:  # let git look at the new files once, so that also its plumbing calls an unpatched tree clean
        look, environ = ("status", "--porcelain", "--untracked-files=no"), {"GIT_OPTIONAL_LOCKS": "1"}
        git_bytes(folder, *look, what=f"git cannot read {folder}", environ=environ)
    words = {turned: done, **idle}
    report = [f"{each.name} {words.get(each.state, f'left as it is ({each.state})')}" for each in status.patches]
    return dataclasses.replace(checkout_status(root, series=series), message="; ".join(report))


def _turned(folder, patch, *, reverse):
    """Return the file's bytes after the patch (`reverse`: before it) with the line ends it has; None: no file."""
    path, what = folder / patch.file, f"git cannot read {folder}"
    here = path.read_bytes() if path.exists() else b""
    old, new = contents(folder, patch)[:: -1 if reverse else 1]
    for ends in (b"\n", b"\r\n"):
        if here == old.replace(b"\n", ends):
            tracked = git_text(folder, "ls-tree", "HEAD", "--", patch.file, what=what)
            return new.replace(b"\n", ends) if tracked or not reverse else None
    raise CheckoutError(f"nothing was written: {path} has mixed line ends. Run: git -C {folder} diff HEAD")


def contents(folder: Path, patch: Patch) -> tuple[bytes, bytes]:
    """Return the file's bytes before and after `patch` as git keeps them. The index and the files stay as they are.

    Raises:
        CheckoutError: the patch does not do what series.json says, so the patch itself is bad.
    """
    bad = f"{patch.name} is bad, your checkout is fine"
    with tempfile.TemporaryDirectory(prefix="robovlms-mobile-") as scratch:

        def git(*args):
            return git_bytes(folder, *args, what=bad, environ={"GIT_INDEX_FILE": os.path.join(scratch, "index")})

        git("update-index", "--add", "--cacheinfo", f"100644,{patch.before},{patch.file}")
        git("apply", "--cached", "--unidiff-zero", "--whitespace=nowarn", "--", str(patch.path))
        after = git("rev-parse", f":{patch.file}").decode().strip()
        if after != patch.after:
            raise CheckoutError(
                f"{bad}: {patch.file} would become blob {after}, series.json says {patch.after}. "
                "Reinstall robovlms-mobile."
            )
        return git("cat-file", "blob", patch.before), git("cat-file", "blob", after)


def _replace(path, data):
    """Put `data` (None: no file) at `path` in one step, keeping mode and owner of the file that was there."""
    if data is None:
        path.unlink()
        flush_folder(path.parent)
        return
    was = path.stat() if path.exists() else None
    with replace_file(path, mode=was and was.st_mode) as part:
        part.write_bytes(data)
        if was:
            with suppress(PermissionError):  # only root can give a file away; ours it is then
                os.chown(part, was.st_uid, was.st_gid)
