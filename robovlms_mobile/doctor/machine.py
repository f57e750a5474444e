"""Checks of the interpreter and the GPU."""

import platform
import sys
from collections.abc import Iterator

from robovlms_mobile.doctor.subject import Subject
from robovlms_mobile.findings import Finding

OLDEST, NEWEST = (3, 10), (3, 12)
GIB = 2**30


def python(subject: Subject) -> Iterator[Finding]:
    """Yield whether this Python is one the package runs on."""
    version, seen = platform.python_version(), sys.version_info[:2]
    supported = f"{OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}"
    fix = f"make an environment with Python {supported}"
    if seen < OLDEST:
        yield Finding("error", f"Python {version} is too old, expected {supported}", sys.executable, fix)
    elif seen > NEWEST:
        yield Finding("warn", f"Python {version} is newer than tested, {supported}", sys.executable, fix)
    else:
        yield Finding("ok", f"Python {version}", sys.executable)


def gpu(subject: Subject) -> Iterator[Finding]:
    """Yield one finding a GPU, or one that says why there is none."""
    torch = _torch()
    if torch.cuda.is_available():
        for i in range(torch.cuda.device_count()):
            properties = torch.cuda.get_device_properties(i)
            what = f"{properties.name}, {properties.total_memory / GIB:.1f} GiB, CUDA {torch.version.cuda}"
            yield Finding("ok", what, f"cuda:{i}")
        return
    cpu_run = "on the CPU, run with --precision 32"
    if torch.version.cuda is None:
        what = f"torch {torch.__version__} is built without CUDA"
        fix = f"{cpu_run}; for a GPU, install a CUDA build: https://pytorch.org/get-started/locally"
    else:
        what = f"torch {torch.__version__} is built for CUDA {torch.version.cuda} but sees no GPU"
        fix = f"{cpu_run}; for the GPU, look at the driver (nvidia-smi) and at CUDA_VISIBLE_DEVICES"
    yield Finding("warn", what, "CUDA", fix)


def has_cuda() -> bool | None:
    """Return whether this machine has CUDA, or None where torch cannot tell."""
    try:
        return _torch().cuda.is_available()
    except ImportError:
        return None


def _torch():
    try:
        import torch
    except OSError as error:  # its shared libraries do not load
        raise ImportError(str(error), name="torch") from error
    return torch
