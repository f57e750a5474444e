"""Find the folder of the RoboVLMs checkout. Git is not asked: a run trains with a downloaded archive as well."""

import os
import shlex
from pathlib import Path

from robovlms_mobile.errors import CheckoutError

PACKAGE = Path(__file__).resolve().parents[1]


def source_tree() -> Path | None:
    """Return the repository the package runs from (source tree or editable install), else None."""
    folder = PACKAGE.parent
    return folder if (folder / "patches" / "series.json").is_file() else None


def shipped(name: str) -> Path:
    """Return a folder of the repository that comes with the package: "patches", or "configs"."""
    inside, tree = PACKAGE / name, source_tree()  # a wheel carries the folder inside the package
    return inside if tree is None or inside.is_dir() else tree / name


def candidates(root: str | Path | None = None) -> list[Path]:
    """Return the folders where the checkout may be, first choice first: `root`, else ROBOVLMS_ROOT, else
    `./RoboVLMs`, else RoboVLMs in the repository the package runs from. A folder that was named is the only one."""
    named = root or os.environ.get("ROBOVLMS_ROOT")
    if named:
        return [Path(named).expanduser().absolute()]
    own = source_tree()
    return [Path.cwd() / "RoboVLMs", *([own / "RoboVLMs"] if own else [])]


def find_checkout(root: str | Path | None = None) -> Path | None:
    """Return the checkout's absolute path, or None. A folder counts when it holds main.py and robovlms/."""
    for folder in candidates(root):
        if (folder / "main.py").is_file() and (folder / "robovlms").is_dir():
            return folder
    return None


def require_checkout(root: str | Path | None = None) -> Path:
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


def command(action: str, root: str | Path | None) -> str:
    """Return the command line of one action, with `--root` where the user gave one."""
    return f"robovlms-mobile upstream {action}" + (f" --root {shlex.quote(str(root))}" if root else "")
