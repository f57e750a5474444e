"""Run upstream's `main.py` in this process, which is then as it was."""

import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

from robovlms_mobile.launch.noise import upstream_print
from robovlms_mobile.launch.process import around_main


def run_main(root: Path | str, arguments: Sequence[str], verbose: bool = True) -> None:
    """Run the checkout's `main.py` in this process as `__main__`, from the current folder.

    Args:
        root: the checkout, a folder with main.py and robovlms/.
        arguments: what main.py gets on its command line: the config first.
        verbose: False keeps out of sight what a user cannot act on.
    """
    main = Path(root).resolve() / "main.py"
    argv, path = sys.argv, sys.path[:]
    sys.argv = [str(main), *arguments]
    sys.path.insert(0, str(main.parent))
    try:
        with around_main(verbose):
            runpy.run_path(str(main), {"print": upstream_print}, run_name="__main__")
    finally:
        sys.argv, sys.path[:] = argv, path
