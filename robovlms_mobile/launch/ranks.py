"""As many processes as a run asks for, that know of each other: one that would train alone unawares is refused."""

import argparse
import os
from collections.abc import Mapping, Sequence

from robovlms_mobile.errors import ConfigError
from robovlms_mobile.options import is_mobile

ENDPOINT = "--rdzv_backend c10d --rdzv_endpoint HOST:29500"


def check_processes(program: str, configs: dict, flags: Sequence[str], environ: Mapping[str, str] = os.environ) -> None:
    """Compare what a run of ours asks for with the processes there are. Call it before this one gets a rank.

    Args:
        program: what torchrun should run, with the config, e.g. `-m robovlms_mobile train CONFIG`.
        flags: of main.py.
        environ: RANK and WORLD_SIZE as torchrun sets them, SLURM_NTASKS and SLURM_NNODES as Slurm does.

    Raises:
        ConfigError: devices × nodes, of the flags or else of the file, is not the number of processes; or Slurm starts
            several that have no rank. Names the command to run instead.
    """
    if not is_mobile(configs):
        return
    asked, others = _flags(flags)
    processes = int(environ.get("WORLD_SIZE", 1))
    if "RANK" not in environ and _number(environ.get("SLURM_NTASKS")) > 1:
        tasks, nodes = int(environ["SLURM_NTASKS"]), _number(environ.get("SLURM_NNODES"))
        what = f"SLURM_NTASKS is {tasks} and no task has a RANK: each would train alone, not knowing the others."
        line = _torchrun(program, others, max(tasks // nodes, 1), nodes)
        once = f"srun --ntasks-per-node 1 {line}"
        raise ConfigError(what, f"Run: {once} (or unset SLURM_NTASKS to train in this process alone)")
    if processes == 1:
        devices, nodes = (_number(asked[name] or configs.get(name)) for name in ("gpus", "num_nodes"))
        if devices * nodes > 1:
            what = f"gpus is {devices} and num_nodes {nodes}, and this is one process: it would train alone."
            raise ConfigError(what, f"Run: {_torchrun(program, others, devices, nodes)}")
    elif processes != (asked["gpus"] or 1) * (asked["num_nodes"] or 1):  # main.py takes no number from the file
        devices = _number(environ.get("LOCAL_WORLD_SIZE"))
        what = f"{processes} processes were started, and the flags --gpus and --num_nodes make it "
        what += f"{asked['gpus'] or 1} × {asked['num_nodes'] or 1} (both are 1 where not given)."
        raise ConfigError(what, f"Run: {_torchrun(program, others, devices, processes // devices)}")


def _flags(arguments):
    """Return ({"gpus", "num_nodes": int or None}, the other arguments); what is not a number main.py complains of."""
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    for name in ("gpus", "num_nodes"):
        parser.add_argument(f"--{name}", type=int)
    try:
        asked, others = parser.parse_known_args(list(arguments))
    except argparse.ArgumentError:
        return dict.fromkeys(("gpus", "num_nodes")), list(arguments)
    return vars(asked), others


def _number(value):
    return int(value) if str(value).isdecimal() and int(value) > 0 else 1


def _torchrun(program, others, devices, nodes):
    where = f"--nnodes {nodes} {ENDPOINT} --nproc_per_node" if nodes > 1 else "--standalone --nproc_per_node"
    flags = f"--gpus {devices}" + (f" --num_nodes {nodes}" if nodes > 1 else "")
    line = " ".join([f"torchrun {where} {devices} {program}", *others, flags])
    return line + (" on every node, HOST being the first" if nodes > 1 else "")
