"""What a user reads of an error: the message alone, also where it comes through upstream's main.py or a worker."""

import re
import sys
from pathlib import Path

from robovlms_mobile.errors import MobileError

IN_WORKER = re.compile(r"Caught \w+ in .*?\n[\w.]*Error: (.*)", re.DOTALL)  # how torch hands on a loader's error


def message(error: MobileError) -> str:
    """Return an error's own words; one that was raised in a worker of a DataLoader carries its traceback as text."""
    wrapped = IN_WORKER.fullmatch(str(error).strip())
    return wrapped[1] if wrapped else str(error)


def main_script() -> Path | None:
    """Return upstream's main.py where this process runs it, else None."""
    script = Path(getattr(sys.modules.get("__main__"), "__file__", None) or "")
    return script if script.name == "main.py" and (script.parent / "robovlms").is_dir() else None


def print_without_traceback() -> None:
    """Have a process that runs upstream's main.py end on a MobileError as the command line does. Idempotent."""
    if main_script() is None or hasattr(sys.excepthook, "stock"):
        return
    stock = sys.excepthook

    def excepthook(kind, error, traceback):
        if isinstance(error, MobileError):
            print(f"robovlms-mobile: {message(error)}", file=sys.stderr)
        else:
            stock(kind, error, traceback)

    excepthook.stock = stock  # type: ignore[attr-defined]
    sys.excepthook = excepthook
