"""Read a working copy: its commit, what git calls changed, and how each patched file stands. Judges no more."""

from dataclasses import dataclass
from pathlib import Path

from robovlms_mobile.checkout.gitio import git_errors, git_in
from robovlms_mobile.checkout.series import EMPTY_BLOB

# states of a patch
MISSING, APPLIED, BUILT_IN = "missing", "applied", "built in"
UPSTREAM_CHANGED, LOCALLY_CHANGED, UNKNOWN = "upstream changed", "locally changed", "unknown"

RECEIPT = ".robovlms-mobile-patched"  # one patched file a line, in a checkout without git


@dataclass(frozen=True)
class PatchState:
    """One patch of the series, and how the file it changes stands: missing, applied, built in (the commit itself
    has the change), upstream changed, locally changed, or unknown (not a git checkout, so nobody can tell)."""

    name: str
    file: str
    state: str


@dataclass(frozen=True)
class Tree:
    """A checkout as it lies there: its commit, the committed blob of each file asked for, the files git calls
    changed, and what an interrupted write left behind. Outside git the files count, and a receipt of the files that
    were patched: without it nobody could tell a patched file from one that came with the change."""

    root: Path
    commit: str | None
    blobs: dict[str, str]
    touched: frozenset[str]
    leftovers: tuple[Path, ...]
    receipt: frozenset[str]


def temporary(path):
    """Return the name a file has while it is being written beside `path`."""
    return path.with_name(f".{path.name}.robovlms-mobile")


def read_tree(folder, files):
    """Read commit, committed blobs of `files`, and the tracked files that differ from the commit."""
    leftovers = tuple(path for file in [*files, RECEIPT] if (path := temporary(folder / file)).exists())
    if not _is_git(folder):
        receipt = folder / RECEIPT
        patched = receipt.read_text(encoding="utf-8").split("\n") if receipt.exists() else []
        return Tree(folder, None, {}, frozenset(), leftovers, frozenset(patched) - {""})
    git = git_in(folder)
    with git_errors(f"git cannot read {folder}"):
        commit = git.rev_parse("--verify", "HEAD")
        entries = git.ls_tree("HEAD", "-z", "--", *files)
        quiet = git(c="diff.autoRefreshIndex=false")  # a look writes nothing, the index neither
        touched = quiet.diff("HEAD", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--ignore-submodules=dirty")
    rows = [entry.split("\t", 1) for entry in entries.split("\0") if entry]  # "MODE blob ID", path
    blobs = {file: head.split()[-1] for head, file in rows}
    return Tree(folder, commit, blobs, frozenset(touched.split("\0")) - {""}, leftovers, frozenset())


def _is_git(folder):
    if not (folder / ".git").exists():
        return False
    git_in(folder)  # so that a missing git is said as such
    from git import InvalidGitRepositoryError, Repo

    try:
        Repo(folder).close()
    except InvalidGitRepositoryError:  # a submodule whose git directory is elsewhere, for example outside a container
        return False
    return True


def patch_states(series, tree):
    """Return the PatchState of every patch of `series` in `tree`, in the series' order."""
    return tuple(PatchState(patch.name, patch.file, _patch_state(patch, tree)) for patch in series.patches)


def _patch_state(patch, tree):
    path = tree.root / patch.file
    regular = path.is_file() and not path.is_symlink()
    here = patch.blob_of(path.read_bytes()) if regular else None
    if tree.commit is None:
        patched = APPLIED if patch.file in tree.receipt else BUILT_IN
        return {patch.before: MISSING, patch.after: patched}.get(here, UNKNOWN)
    committed = tree.blobs.get(patch.file)
    if here == patch.after:
        return BUILT_IN if committed == patch.after else APPLIED
    if here == committed == patch.before:
        return MISSING
    if committed is None and not (path.exists() or path.is_symlink()):
        return MISSING if patch.before == EMPTY_BLOB else UPSTREAM_CHANGED
    if here is None or committed is None or patch.file in tree.touched:
        return LOCALLY_CHANGED
    return UPSTREAM_CHANGED
