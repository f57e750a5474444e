"""Find the RoboVLMs checkout and say what state it is in. Reads only: nothing here changes a file."""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from robovlms_mobile.checkout.series import Series, source_tree
from robovlms_mobile.checkout.tree import (
    APPLIED,
    BUILT_IN,
    LOCALLY_CHANGED,
    MISSING,
    UNKNOWN,
    UPSTREAM_CHANGED,
    PatchState,
    patch_states,
    read_tree,
)
from robovlms_mobile.errors import CheckoutError

# states of a checkout; LOCALLY_CHANGED, a patch's state, is one of them too
ABSENT, PRISTINE, PATCHED, PARTLY, OTHER_COMMIT = "absent", "pristine", "patched", "partly patched", "other commit"


@dataclass(frozen=True)
class Status:
    """The checkout's state, what it was judged by, and the next command. `commit` is None outside git.

    `changed` are tracked files with the user's own changes; what the patches changed is not among them.
    """

    state: str
    root: Path
    commit: str | None
    expected: str
    patches: tuple[PatchState, ...]
    changed: tuple[str, ...]
    message: str
    next: str

    @property
    def ok(self):
        """True for the two states that need no attention: pristine and patched."""
        return self.state in (PRISTINE, PATCHED)

    @property
    def patched(self):
        """True when every patch is applied or built in, whatever the commit."""
        return bool(self.patches) and all(patch.state in (APPLIED, BUILT_IN) for patch in self.patches)

    def to_json(self):
        """Return the status as a dict of plain values, with the keys of `robovlms-mobile upstream status --json`."""
        return {
            "state": self.state,
            "root": str(self.root),
            "commit": self.commit,
            "expected": self.expected,
            "patches": [{"name": patch.name, "state": patch.state} for patch in self.patches],
            "changed": list(self.changed),
            "message": self.message,
            "next": self.next,
        }


def candidates(root=None):
    """Return the folders where the checkout may be, first choice first: `root`, else ROBOVLMS_ROOT, else
    `./RoboVLMs`, else RoboVLMs in the repository the package runs from. A folder that was named is the only one."""
    named = root or os.environ.get("ROBOVLMS_ROOT")
    if named:
        return [Path(named).expanduser().absolute()]
    own = source_tree()
    return [Path.cwd() / "RoboVLMs", *([own / "RoboVLMs"] if own else [])]


def find_checkout(root=None):
    """Return the checkout's absolute path, or None. A folder counts when it holds main.py and robovlms/."""
    for folder in candidates(root):
        if (folder / "main.py").is_file() and (folder / "robovlms").is_dir():
            return folder
    return None


def require_checkout(root=None):
    """Return the checkout's absolute path.

    Raises:
        CheckoutError: there is none; says where it was looked for and the command that fetches it.
    """
    folder = find_checkout(root)
    if folder is None:
        places = " nor ".join(str(place) for place in candidates(root))
        raise CheckoutError(
            f"no RoboVLMs checkout (main.py and robovlms/) in {places}. Run: {command('fetch', root)}, "
            "or set ROBOVLMS_ROOT to one you have"
        )
    return folder


def checkout_status(root=None, *, series=None):
    """Return the state of the checkout that `find_checkout(root)` gives, judged by `series` (default: the package's).

    Raises:
        CheckoutError: git is missing or fails there, or the series does not fit its own pinned commit.
    """
    series = series or Series.load()
    folder = find_checkout(root)
    if folder is None:
        place = candidates(root)[0]
        message = f"no RoboVLMs checkout (main.py and robovlms/) in {place}"
        return Status(ABSENT, place, None, series.commit, (), (), message, command("fetch", root))
    tree = read_tree(folder, [patch.file for patch in series.patches])
    patches = patch_states(series, tree)
    ours = {patch.file for patch in patches if patch.state == APPLIED}
    changed = tuple(sorted(tree.touched - ours))
    _check_series(series, tree, patches)
    state = _state(tree, series, patches, changed)
    message = _message(state, tree, series, patches, changed)
    action = _next(state, folder, series, patches, root)
    return Status(state, folder, tree.commit, series.commit, patches, changed, message, action)


def command(action, root):
    """Return the command line of one action, with `--root` where the user gave one."""
    return f"robovlms-mobile upstream {action}" + (f" --root {shlex.quote(str(root))}" if root else "")


def _check_series(series, tree, patches):
    if tree.commit != series.commit:
        return
    bad = [f"{patch.name} ({patch.file})" for patch in patches if patch.state == UPSTREAM_CHANGED]
    if bad:
        raise CheckoutError(
            f"bad patches, your checkout is fine: {', '.join(bad)} was made for another content than the pinned commit "
            f"{series.commit[:7]} has. Reinstall robovlms-mobile."
        )


def _state(tree, series, patches, changed):
    states = {patch.state for patch in patches}
    if LOCALLY_CHANGED in states:
        return LOCALLY_CHANGED
    halfway = any(patch.state == MISSING and patch.file in tree.receipt for patch in patches)
    if halfway or tree.leftovers or {APPLIED, MISSING} <= states:
        return PARTLY
    if UNKNOWN in states or (tree.commit is not None and tree.commit != series.commit):
        return OTHER_COMMIT
    if MISSING not in states:
        return PATCHED
    return LOCALLY_CHANGED if changed else PRISTINE


def _message(state, tree, series, patches, changed):
    names = {patch.state: [] for patch in patches}
    for patch in patches:
        names[patch.state].append(f"{patch.name} ({patch.file})")
    words = {
        PRISTINE: "as upstream published it; `robovlms-mobile train` needs no patch",
        PATCHED: "every patch is in place",
        PARTLY: "patching was interrupted; patch finishes it, unpatch takes it back",
        OTHER_COMMIT: _other_commit(tree, series),
        LOCALLY_CHANGED: "your own changes are in the checkout; no patch needs those files",
    }
    parts = [words[state]]
    if LOCALLY_CHANGED in names:
        parts = [f"your own changes stand where a patch has to go: {', '.join(names[LOCALLY_CHANGED])}"]
    if UPSTREAM_CHANGED in names:
        parts.append(f"upstream changed what a patch was made for: {', '.join(names[UPSTREAM_CHANGED])}")
    if UNKNOWN in names:
        parts.append(f"neither as published nor patched: {', '.join(names[UNKNOWN])}")
    if tree.commit is None:
        parts.append(f"not a git checkout, so judged by the {len(patches)} files the patches change")
    if changed:
        parts.append(f"your changes, left alone: {', '.join(changed)}")
    return "; ".join(parts)


def _other_commit(tree, series):
    if tree.commit is None:
        return "another version, or changed by hand"
    differing = [patch.file for patch in series.patches if tree.blobs.get(patch.file) != patch.before]
    named = f" ({', '.join(differing)})" if differing else ""
    return (
        f"at {tree.commit[:7]}, expected {series.commit[:7]}; files the patches change that differ there: "
        f"{len(differing)} of {len(series.patches)}{named}"
    )


def _next(state, folder, series, patches, root):
    states = {patch.state for patch in patches}
    place = shlex.quote(str(folder))
    if LOCALLY_CHANGED in states:
        files = " ".join(shlex.quote(patch.file) for patch in patches if patch.state == LOCALLY_CHANGED)
        return f"git -C {place} diff HEAD -- {files}"
    if UNKNOWN in states:
        return "robovlms-mobile upstream fetch --root NEW_FOLDER"
    if UPSTREAM_CHANGED in states:
        return f"git -C {place} checkout {series.commit}"
    if MISSING in states or state == PARTLY:
        return command("patch", root)
    return f"python {shlex.quote(str(folder / 'main.py'))} configs/mobile_vla_lora.json"
