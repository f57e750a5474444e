"""What upstream's `main.py` needs of the process around it: a rank without torchrun, a backend without CUDA.

It is there while main.py runs, and is put back when it ends.
"""

import atexit
import multiprocessing
import os
import socket
import sys
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from robovlms_mobile.config.load import load_config
from robovlms_mobile.launch import cpu, noise

RENDEZVOUS = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
SEVERAL = {"WORLD_SIZE", "SLURM_NTASKS"}  # what speaks of more processes than one


@contextmanager
def around_main(verbose: bool = True, environ: MutableMapping[str, str] = os.environ) -> Iterator[None]:
    """Hold what upstream's main.py takes for granted: one process unless torchrun says otherwise, a backend it has.

    Args:
        verbose: False keeps out of sight what a user cannot act on.
        environ: where RANK & co. are set, and taken out again.
    """
    quiet = nullcontext() if verbose else noise.hidden()
    with single_process(environ), cpu.gloo_for_nccl(), _spawned_workers(), quiet:
        yield


def _spawned_workers():
    """Forked workers have all they need; where Python spawns them, they start elsewhere than in main.py."""
    default = multiprocessing.get_all_start_methods()[0]
    if (multiprocessing.get_start_method(allow_none=True) or default) == "fork":
        return nullcontext()
    from robovlms_mobile.launch.worker import workers_start_here

    return workers_start_here()


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


def around_running_main(main: Path, arguments: Sequence[str]) -> None:
    """Do as `around_main` until this process ends: for the main.py that runs already and has just imported `robovlms`.

    Raises:
        ConfigError: its config cannot be read; or it runs in fewer processes, or more, than config and flags ask for.
    """
    config = next((each for each in arguments if each.endswith(".json")), None)
    configs = load_config(config) if config else {}  # without one main.py has its own say
    devices, nodes = configs.get("gpus", 1), configs.get("num_nodes", 1)
    if len(arguments) > 1 or (devices, nodes) != (1, 1) or SEVERAL & os.environ.keys():
        from robovlms_mobile.launch.ranks import check_processes

        check_processes(f"{main} {config}", configs, [each for each in arguments if each != config])
    span = around_main(noise.wanted(configs))
    span.__enter__()
    atexit.register(span.__exit__, None, None, None)
    vars(sys.modules["__main__"])["print"] = noise.upstream_print


def keep_site_packages() -> None:
    """Keep a running main.py whose config calls the model "kosmos" from overwriting a file of transformers."""
    configs = getattr(sys.modules["__main__"], "configs", None)  # main.py's own, which it hands on as it is
    if isinstance(configs, dict) and configs.get("model") == "kosmos":
        from robovlms_mobile.launch.old_name import call_kosmos2

        call_kosmos2(configs)


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
