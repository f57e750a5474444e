"""What a run needs of a card's memory, predicted in a process of its own: it imports the checkout's code."""

import json
import subprocess
import sys
from collections.abc import Iterator

from robovlms_mobile.doctor.machine import has_cuda
from robovlms_mobile.doctor.subject import Subject
from robovlms_mobile.findings import Finding

WHERE = "memory"
ELSEWHERE = "16GB"  # of the card it is predicted for where there is none
GIB = 2**30
SECONDS = 300


def memory(subject: Subject) -> Iterator[Finding]:
    """Yield the most that a step would take on CUDA; where that is too much, what would make it fit."""
    from robovlms_mobile.checkout.working_copy import checkout_status

    device, root = _device(), str(checkout_status(subject.root).root)
    command = [sys.executable, "-m", "robovlms_mobile", "rehearse", subject.config_path, "--for", device]
    try:
        done = subprocess.run([*command, "--root", root, "--json"], capture_output=True, text=True, timeout=SECONDS)
        tries = json.loads(done.stdout)["predicted"]
    except (subprocess.TimeoutExpired, ValueError, KeyError):
        yield Finding("warn", "not predicted: this model cannot be counted", WHERE, "the run itself will tell")
        return
    what = f"{tries[0]['peak'] / GIB:.1f} GiB at the peak of a step on CUDA, predicted"
    if tries[0]["fits"]:
        yield Finding("ok", what, WHERE)
        return
    last = tries[-1]
    changes = ", ".join(f'"{key}": {json.dumps(value)}' for key, value in last["changes"].items())
    fix = f"set {changes}: {last['peak'] / GIB:.1f} GiB then" if last["fits"] else f"not even {changes} makes it fit"
    yield Finding("error" if has_cuda() else "warn", f"{what}: too much for {device}", WHERE, fix)


def _device():
    if not has_cuda():
        return ELSEWHERE
    from torch import cuda

    return f"{cuda.get_device_properties(0).total_memory / GIB:.1f}GB"
