"""What of Python, torch and the environment is not as it came: run inside a process under test."""

import builtins
import importlib
import inspect
import logging
import os
import posix
import sys
import warnings


def replaced():
    """Return the names of functions that something has put another one over: list[str], sorted."""
    import torch
    import torch.distributed as dist
    from torch.distributed import distributed_c10d

    as_it_came = {
        "os.system": os.system is posix.system,
        "importlib.reload": inspect.getsourcefile(importlib.reload) == importlib.__file__,
        "builtins.__import__": inspect.isbuiltin(builtins.__import__),
        "builtins.print": inspect.isbuiltin(builtins.print),
        "Tensor.cuda": inspect.ismethoddescriptor(torch.Tensor.cuda),
        "Module.cuda": torch.nn.Module.cuda.__module__ == torch.nn.Module.__module__,
        "init_process_group": dist.init_process_group is distributed_c10d.init_process_group,
        "logging": not any(handler.filters for handler in logging.getLogger("lightning.pytorch").handlers),
    }
    return sorted(name for name, same in as_it_came.items() if not same)


def state():
    """Return what a stranger in this process may look at, for comparing: the environment, argv, warnings, functions."""
    return {
        "environ": dict(os.environ),
        "argv": list(sys.argv),
        "path": list(sys.path),
        "filters": [str(each[1]) for each in warnings.filters if "LeafSpec" in str(each[1])],  # of the plugin's
        "formatwarning": repr(warnings.formatwarning),
        "replaced": replaced(),
    }
