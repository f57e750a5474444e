"""Run upstream's `main.py` in this process: without torchrun, without CUDA, without unused packages.

`prepare` changes upstream's own modules and nothing else, so it may be called anywhere. What main.py needs of the
process around it (a rank, gloo, an argv) is there while main.py runs, and is put back when it ends.
"""

import atexit
import os
import runpy
import socket
import sys
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from robovlms_mobile.launch import cpu, noise, placeholders
from robovlms_mobile.launch.worker import workers_start_here

RENDEZVOUS = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


def prepare() -> list[str]:
    """Have upstream's modules import without unused packages and keep batches where the model is.

    Returns:
        what was done now, in words; empty when everything was in place.
    """
    done = []
    if placeholders.install():
        done.append("placeholders for packages the mobile path never uses")
    if cpu.allow():
        done.append("batches go where the model is, to a GPU or not")
    return done


@contextmanager
def around_main(verbose: bool = True, environ: MutableMapping[str, str] = os.environ) -> Iterator[None]:
    """Hold what upstream's main.py takes for granted: one process unless torchrun says otherwise, a backend it has.

    Args:
        verbose: False keeps out of sight what a user cannot act on.
        environ: where RANK & co. are set, and taken out again.
    """
    quiet = nullcontext() if verbose else noise.hidden()
    with single_process(environ), cpu.gloo_for_nccl(), workers_start_here(), quiet:
        yield


@contextmanager
def single_process(environ: MutableMapping[str, str] = os.environ) -> Iterator[None]:
    """Set RANK & co. for one process with a free port, unless torchrun (or anyone) has set any of them."""
    mine = {}
    if not any(name in environ for name in RENDEZVOUS):
        mine = dict(zip(RENDEZVOUS, ("0", "1", "0", "127.0.0.1", str(_free_port())), strict=True))
    environ.update(mine)
    try:
        yield
    finally:
        for name in mine:
            environ.pop(name, None)


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
            runpy.run_path(str(main), {"print": noise.upstream_print}, run_name="__main__")
    finally:
        sys.argv, sys.path[:] = argv, path


def around_running_main() -> bool:
    """Do as `around_main` until this process ends, where it is upstream's main.py that runs; else do nothing.

    Called while a patched checkout's `robovlms` is being imported, which main.py does before anything else.

    Returns:
        True when this process runs the main.py beside that `robovlms`.
    """
    main = Path(sys.modules["robovlms"].__path__[0]).parent / "main.py"
    if not (sys.argv and os.path.exists(sys.argv[0]) and main.exists() and main.samefile(sys.argv[0])):
        return False
    span = around_main(noise.wanted(sys.argv[1:]))
    span.__enter__()
    atexit.register(span.__exit__, None, None, None)
    vars(sys.modules["__main__"])["print"] = noise.upstream_print
    return True


def keep_site_packages() -> None:
    """Call the model "kosmos2" in the config of a running main.py that calls it "kosmos".

    For "kosmos" main.py copies an old modeling_kosmos2.py into the installed transformers, which breaks a modern one,
    and reloads it. Nothing else of upstream tells the two names apart, but the prompt where the config names none.
    """
    configs = getattr(sys.modules["__main__"], "configs", None)  # main.py's own, which it hands on as it is
    if not isinstance(configs, dict) or configs.get("model") != "kosmos":
        return
    configs["model"] = "kosmos2"
    tokenizer = configs["tokenizer"]
    tokenizer["tokenizer_type"] = tokenizer.get("tokenizer_type") or "kosmos"
    print(
        'robovlms-mobile: "model" is "kosmos2" from here on: for "kosmos" upstream overwrites a file of transformers.'
    )


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
