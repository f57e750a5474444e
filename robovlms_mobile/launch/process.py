"""Make upstream's `main.py` runnable in this process: without torchrun, without CUDA, without unused packages.

Everything here happens before upstream's own code runs, is undone by nothing, and does nothing the second time.
"""

import importlib
import os
import runpy
import socket
import sys
from pathlib import Path

from robovlms_mobile.launch import cpu, placeholders

RENDEZVOUS = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
KOSMOS_COPY = "modeling_kosmos2.py"


def prepare(environ=os.environ):
    """Prepare this process for upstream.

    Returns:
        list[str]: what was done now, in words; empty when everything was in place.
    """
    done = []
    if single_process_defaults(environ):
        done.append(f"one process, rendezvous on port {environ['MASTER_PORT']}")
    if placeholders.install():
        done.append("placeholders for packages the mobile path never uses")
    if keep_site_packages():
        done.append("site-packages protected from upstream's copy of modeling_kosmos2.py")
    if cpu.allow():
        done.append("no CUDA: gloo instead of nccl, .cuda() keeps tensors where they are")
    return done


def single_process_defaults(environ=os.environ):
    """Set RANK & co. for one process with a free port, unless torchrun (or anyone) has set any of them."""
    if any(name in environ for name in RENDEZVOUS):
        return False
    environ.update(RANK="0", WORLD_SIZE="1", LOCAL_RANK="0", MASTER_ADDR="127.0.0.1", MASTER_PORT=str(_free_port()))
    return True


def keep_site_packages():
    """Refuse upstream's `cp tools/modeling_kosmos2.py` into transformers, and the reload that goes with it.

    The plugin never needs that file; on a modern transformers it breaks the package, and so does the reload.
    """
    if hasattr(os.system, "real"):
        return False
    real_system, real_reload = os.system, importlib.reload

    def system(command):
        if str(command).startswith("cp ") and KOSMOS_COPY in command:
            print(
                f"robovlms-mobile: left transformers' own {KOSMOS_COPY} as it is; the plugin does not need upstream's."
            )
            return 0
        return real_system(command)

    def reload(module):
        return module if module.__name__ == "transformers" else real_reload(module)

    system.real = real_system
    os.system, importlib.reload = system, reload
    return True


def run_main(root, arguments):
    """Run the checkout's `main.py` in this process as `__main__`, from the current folder.

    Args:
        root: the checkout, a folder with main.py and robovlms/.
        arguments: list[str], what main.py gets on its command line: the config first.
    """
    main = Path(root).resolve() / "main.py"
    sys.argv = [str(main), *arguments]
    sys.path.insert(0, str(main.parent))
    runpy.run_path(str(main), run_name="__main__")


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
