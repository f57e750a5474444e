"""Small real git repositories in the shape of upstream, a series of two patches for them, and what to compare."""

import hashlib
import json
import subprocess

FIRST, SECOND = "robovlms/__init__.py", "robovlms/data/reader.py"
LOADER = b"import json\n"
WRONG, RIGHT = b"import os\nfrom turtle import pd\nX = 1\n", b"import os\nimport pandas as pd\nX = 1\n"


def blob_id(data):
    """data: bytes → git's id of a file with that content (40 hex digits), without any line-end conversion."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def git(folder, *args):
    """Run git in `folder` and return what it printed."""
    identity = ["-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *identity, *args], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def make_checkout(root):
    """Make a git repository with an empty, executable `robovlms/__init__.py` and a file with the turtle import."""
    for name, data in {"main.py": b"print()\n", FIRST: b"", SECOND: WRONG, "robovlms/other.py": b"Y = 2\n"}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.chmod(0o755)
    git(root, "init", "--quiet")
    commit_all(root)
    return root


def commit_all(folder, message="work"):
    """Commit everything in `folder` and return the commit."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)
    return git(folder, "rev-parse", "HEAD")


def snapshot(folder):
    """Return every file of `folder` outside .git with its bytes and mode."""
    files = [path for path in folder.rglob("*") if path.is_file() and ".git" not in path.relative_to(folder).parts]
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mode) for path in files}


def is_clean(folder):
    """True when neither git's porcelain nor its plumbing sees a change, an untracked or an ignored file."""
    return not git(folder, "status", "--porcelain", "--ignored") and not git(folder, "diff-index", "HEAD")


def write_series(folder, commit):
    """Write a series of two patches, pinned to `commit`."""
    folder.mkdir()
    hunks = {
        "0001-first": (FIRST, b"", LOADER, "@@ -0,0 +1 @@\n+import json\n"),
        "0002-second": (SECOND, WRONG, RIGHT, "@@ -2 +2 @@\n-from turtle import pd\n+import pandas as pd\n"),
    }
    entries = []
    for name, (file, before, after, hunk) in hunks.items():
        head = f"diff --git a/{file} b/{file}\n--- a/{file}\n+++ b/{file}\n"
        (folder / f"{name}.patch").write_text(f"A reason.\n\n{head}{hunk}")
        ids = {"before": blob_id(before), "after": blob_id(after)}
        entries.append({"patch": f"{name}.patch", "file": file, "why": "…", "until": "…", **ids})
    content = {"upstream": "https://example.invalid/RoboVLMs", "commit": commit, "patches": entries}
    (folder / "series.json").write_text(json.dumps(content))
    return folder
