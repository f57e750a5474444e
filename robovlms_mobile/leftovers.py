"""Folders put out of the way for a moment, and what processes that were killed meanwhile leave beside their place."""

import os
import shutil
from pathlib import Path

from robovlms_mobile.files import ASIDE, PART


def recover(folder: str | Path) -> None:
    """Mend what killed writers left in `folder`: old folders go back where nothing took their place, the rest goes.

    No other process may be writing there.
    """
    for aside in Path(folder).glob(f".*{ASIDE}"):
        place = aside.with_name(aside.name[1:].removesuffix(ASIDE))
        if place.exists():
            shutil.rmtree(aside)
        else:
            os.replace(aside, place)
    for part in Path(folder).glob(f".*{PART}"):
        shutil.rmtree(part) if part.is_dir() else part.unlink()


def put_over(temporary: Path, path: Path) -> None:
    """Give a folder the place of another, which is out of the way for a moment; see `files.replace_folder`."""
    aside = path.with_name(f".{path.name}{ASIDE}")
    shutil.rmtree(aside, ignore_errors=True)
    os.replace(path, aside)
    try:
        os.replace(temporary, path)
    except OSError:
        os.replace(aside, path)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def remove_folder(path: str | Path) -> None:
    """Remove a folder in one step: a process killed meanwhile leaves it whole, or out of sight for `recover`."""
    path = Path(path)
    away = path.with_name(f".{path.name}{PART}")
    shutil.rmtree(away, ignore_errors=True)
    os.replace(path, away)
    shutil.rmtree(away, ignore_errors=True)
