"""Say how the checkout and each patched file in it stand, and what to run next. Reads only, git's index included."""

import os
import shlex
from dataclasses import asdict, dataclass
from pathlib import Path

from robovlms_mobile.checkout.gitio import git_text
from robovlms_mobile.checkout.location import candidates, command, find_checkout
from robovlms_mobile.checkout.series import Patch, Series
from robovlms_mobile.errors import CheckoutError
from robovlms_mobile.files import PART

EMPTY_BLOB = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
# states of a patch; built in: the commit itself has the change
MISSING, APPLIED, BUILT_IN, UPSTREAM_CHANGED = "missing", "applied", "built in", "upstream changed"
# states of a checkout; LOCALLY_CHANGED is one of a patch, too
ABSENT, NO_GIT, OTHER_COMMIT, LOCALLY_CHANGED = "absent", "no git", "other commit", "locally changed"
PRISTINE, PATCHED, PARTLY = "pristine", "patched", "partly patched"
WORDS = {
    PRISTINE: "as upstream published it; `robovlms-mobile train` needs no patch",
    PATCHED: "every patch is in place",
    PARTLY: "patching was interrupted; patch finishes it, unpatch takes it back",
    NO_GIT: "not a git checkout, so it cannot be patched: `robovlms-mobile train` needs no patch, main.py a git clone",
}


@dataclass(frozen=True)
class PatchState:
    """One patch of the series, the file it changes, and how that file stands."""

    name: str
    file: str
    state: str

    def __str__(self) -> str:
        return f"{self.name} ({self.file})"


@dataclass(frozen=True)
class Status:
    """The checkout's state, what it was judged by, and the next command. Outside git `commit` is None, `patches` ().

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
    def ok(self) -> bool:
        """True for the two states that need no attention: pristine and patched."""
        return self.state in (PRISTINE, PATCHED)

    @property
    def patched(self) -> bool:
        """True when every patch is applied or built in, whatever the commit."""
        return bool(self.patches) and all(patch.state in (APPLIED, BUILT_IN) for patch in self.patches)

    def to_json(self) -> dict[str, object]:
        """Return the status as a dict of plain values, with the keys of `robovlms-mobile upstream status --json`."""
        patches = [{"name": patch.name, "state": patch.state} for patch in self.patches]
        return {**asdict(self), "root": str(self.root), "patches": patches, "changed": list(self.changed)}


def checkout_status(root: str | Path | None = None, *, series: Series | None = None) -> Status:
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
    commit = _commit(folder)
    if commit is None:
        action = "robovlms-mobile upstream fetch --root NEW_FOLDER"
        return Status(NO_GIT, folder, None, series.commit, (), (), WORDS[NO_GIT], action)
    patches = _patch_states(folder, series.patches)
    if commit == series.commit and (bad := [str(patch) for patch in patches if patch.state == UPSTREAM_CHANGED]):
        raise CheckoutError(
            f"bad patches, your checkout is fine: {', '.join(bad)} was made for another content than the pinned commit "
            f"{commit[:7]} has. Reinstall robovlms-mobile."
        )
    changed = _changed(folder, {patch.file for patch in patches if patch.state == APPLIED})
    state = _state({patch.state for patch in patches}, commit == series.commit, changed, leftovers(folder, series))
    message = _message(state, commit, series, patches, changed)
    return Status(
        state, folder, commit, series.commit, patches, changed, message, _next(state, folder, series, patches, root)
    )


def leftovers(folder: Path, series: Series) -> list[Path]:
    """Return what a killed patch or unpatch left half written beside the files of `series`."""
    places = [folder / patch.file for patch in series.patches]
    return [part for place in places for part in place.parent.glob(f".{place.name}.*{PART}")]


def _commit(folder):
    """Return the commit, or None outside git: an archive, or a submodule whose git directory is not here."""
    if not (folder / ".git").exists():
        return None
    try:
        return _git(folder, "rev-parse", "--verify", "HEAD")
    except CheckoutError as error:
        if "not a git repository" in str(error):
            return None
        raise


def _git(folder, *args):
    return git_text(folder, *args, what=f"git cannot read {folder}")


def _patch_states(folder: Path, patches: tuple[Patch, ...]) -> tuple[PatchState, ...]:
    """Compare blob ids: of the commit, of the file as git would commit it, and of the series."""
    files = [patch.file for patch in patches]
    rows = [row.split("\t", 1) for row in _git(folder, "ls-tree", "HEAD", "-z", "--", *files).split("\0") if row]
    committed = {file: head.split()[-1] for head, file in rows}  # head: "MODE blob ID"
    here = {file: "no file" for file in files if os.path.lexists(folder / file)}
    regular = [file for file in here if (folder / file).is_file() and not (folder / file).is_symlink()]
    if regular:
        here.update(zip(regular, _git(folder, "hash-object", "--", *regular).split(), strict=True))
    states = [_patch_state(patch, here.get(patch.file), committed.get(patch.file)) for patch in patches]
    return tuple(PatchState(patch.name, patch.file, state) for patch, state in zip(patches, states, strict=True))


def _patch_state(patch, here, committed):
    made_for_it = (committed or EMPTY_BLOB) == patch.before  # no file counts as an empty one
    if here != committed:
        return APPLIED if made_for_it and here == patch.after else LOCALLY_CHANGED
    if made_for_it:
        return MISSING
    return BUILT_IN if here == patch.after else UPSTREAM_CHANGED


def _changed(folder, ours):
    rows = _git(folder, "status", "-z", "--untracked-files=no", "--no-renames", "--ignore-submodules=dirty")
    return tuple(sorted({row[3:] for row in rows.split("\0") if row} - ours))  # row: "XY path"


def _state(states, pinned, changed, halfway):
    if LOCALLY_CHANGED in states:
        return LOCALLY_CHANGED
    if halfway or {APPLIED, MISSING} <= states:
        return PARTLY
    if not pinned:
        return OTHER_COMMIT
    if MISSING not in states:
        return PATCHED
    return LOCALLY_CHANGED if changed else PRISTINE


def _message(state, commit, series, patches, changed):
    mine, theirs = (
        [str(patch) for patch in patches if patch.state == state] for state in (LOCALLY_CHANGED, UPSTREAM_CHANGED)
    )
    parts = [WORDS[state]] if state in WORDS else []
    if state == OTHER_COMMIT:
        differ = [patch.file for patch in patches if patch.state in (BUILT_IN, UPSTREAM_CHANGED)]
        named = f" ({', '.join(differ)})" if differ else ""
        parts.append(
            f"at {commit[:7]}, expected {series.commit[:7]}; files the patches change that differ there: "
            f"{len(differ)} of {len(patches)}{named}"
        )
    if mine:
        parts.append(f"your own changes stand where a patch has to go: {', '.join(mine)}")
    elif state == LOCALLY_CHANGED:
        parts.append("your own changes are in the checkout; no patch needs those files")
    if theirs:
        parts.append(f"upstream changed what a patch was made for: {', '.join(theirs)}")
    return "; ".join([*parts, f"your changes, left alone: {', '.join(changed)}"] if changed else parts)


def _next(state, folder, series, patches, root):
    states, place = {patch.state for patch in patches}, shlex.quote(str(folder))
    if LOCALLY_CHANGED in states:
        files = " ".join(shlex.quote(patch.file) for patch in patches if patch.state == LOCALLY_CHANGED)
        return f"git -C {place} diff HEAD -- {files}"
    if UPSTREAM_CHANGED in states:
        return f"git -C {place} checkout {series.commit}"
    if MISSING in states or state == PARTLY:
        return command("patch", root)
    return f"python {shlex.quote(str(folder / 'main.py'))} configs/mobile_vla_lora.json"
