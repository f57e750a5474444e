"""Measure a policy that drives: seconds to load it, its memory, and a step's time. Each row in a process of its own."""

import multiprocessing
import resource
import sys
import tempfile
import threading
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from robovlms_mobile.bench.short_run import at_end_of_run, check_room
from robovlms_mobile.checkout.location import require_checkout
from robovlms_mobile.errors import MobileError

DTYPES = ("fp32", "bf16", "fp16", "int8")
SIZE = (1280, 720)  # of a camera's frame, which every step resizes
SENTENCE = "Drive to the cup."
WARM_UP = 3  # steps that are not counted


def bench_policy(
    adapters: str | Path | None = None,
    *,
    size: str = "tiny",
    steps: int = 30,
    base: str | Path | None = None,
    root: str | Path | None = None,
) -> dict[str, Any]:
    """Measure a policy on every device here, in each precision.

    Args:
        adapters: an adapter folder; None trains one step of a model of `size` and takes what that leaves.
        size: "tiny", or "real": Kosmos-2's own size with random weights.
        steps: measured ones.
        base, root: see `MobilePolicy.from_pretrained`.

    Returns:
        dict: "model", "steps", and "rows", a dict each: device, dtype, load_s, memory_mb (at most, on a CPU the
        process's, on a GPU the allocator's), weights_mb, p50_ms and p95_ms of a step, window_ms (p50 of going through
        all `window` frames again instead of keeping what the head remembers), ratio, and "difference" (max |Δ| of the
        velocities of the same frames from the first row that was measured, m/s); or "unmeasured", why.

    Raises:
        CheckoutError: no checkout.
        MobileError: too little memory or disk for `size`.
    """
    checkout, name = require_checkout(root), str(adapters or size)
    with tempfile.TemporaryDirectory() as scratch:
        if adapters is None:
            check_room(size, scratch)
            run = at_end_of_run(checkout, Path(scratch), size, lambda trainer, module: module.configs["output_dir"])
            adapters = Path(run) / "best"
        rows = [_row(device, dtype, adapters, base, checkout, steps) for device in ("cpu", "cuda") for dtype in DTYPES]
    said = [row.pop("said") for row in rows if "said" in row]
    for row, actions in zip((row for row in rows if "unmeasured" not in row), said, strict=True):
        row["difference"] = float(np.abs(actions - said[0]).max())
    return {"model": name, "steps": steps, "rows": rows}


def _row(device, dtype, *given):
    import torch

    told: dict[str, Any] = {"device": device, "dtype": dtype}
    if device == "cuda" and not torch.cuda.is_available():
        return told | {"unmeasured": "there is no CUDA here"}
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        try:
            return told | pool.submit(_measured, device, dtype, *given).result()
        except BrokenProcessPool:  # killed for its memory
            return told | {"unmeasured": "its process ended before it had measured anything"}


def _measured(device, dtype, adapters, base, root, steps):
    """Run in the row's process."""
    import torch

    from robovlms_mobile.policy import MobilePolicy

    warnings.simplefilter("ignore")  # of pictures of another size than the recordings
    began = time.perf_counter()
    try:
        options: dict[str, Any] = {"device": device, "dtype": dtype, "base": base, "root": root, "strict": False}
        with _watched() as most:
            policy = MobilePolicy.from_pretrained(adapters, **options)
            policy.reset(SENTENCE)
            loaded = time.perf_counter() - began
            window = policy.metadata["contract"]["image"]["window"]
            frames = np.random.default_rng(0).integers(0, 256, (window, *SIZE[::-1], 3), np.uint8)
            said = np.stack([policy.infer({"image": frame})["actions"] for frame in frames])  # (W, N, D)
        wait = torch.cuda.synchronize if device == "cuda" else _nothing
        step = _timed(lambda number: policy.infer({"image": frames[number % window]}), steps, wait)
        whole = _timed(lambda number: _window(policy, frames), max(3, steps // window), wait)
    except (MobileError, RuntimeError) as error:  # the second: a kernel that is not there, too little memory
        return {"unmeasured": str(error)[:200]}
    p50, p95 = np.percentile(step, (50, 95))
    again = float(np.percentile(whole, 50))
    found = {"load_s": loaded, "memory_mb": _memory(device, most[0])}
    found |= {
        "weights_mb": sum(each.nbytes for each in policy.stepper.model.parameters()) / 1e6,
        "p50_ms": float(p50),
        "p95_ms": float(p95),
        "said": said,
    }
    return {**found, "window_ms": again, "ratio": again / float(p50), "window": window}


def _window(policy, frames):
    policy.reset(SENTENCE)
    for frame in frames:
        policy.infer({"image": frame})


def _timed(call, count, wait):
    """Return milliseconds of each of `count` calls, the device's work done; some before them are not counted."""
    found = []
    for number in range(-WARM_UP, count):
        wait()
        began = time.perf_counter()
        call(number)
        wait()
        found.append(1000 * (time.perf_counter() - began))
    return found[WARM_UP:]


def _memory(device, anonymous):
    """Return what it took at most, in 10⁶ bytes.

    On Linux files that are mapped at the end count too: weights in the precision of their files lie in them. Those
    that were only read do not, since the system takes their pages back where memory is short.
    """
    if device == "cuda":
        import torch

        return torch.cuda.max_memory_allocated() / 1e6
    if sys.platform == "linux":
        return (anonymous + _kilobytes("RssFile")) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # macOS counts bytes


@contextmanager
def _watched():
    """Yield a list of one number: the most anonymous memory while it is watched, in KB."""
    most, ended = [0], threading.Event()

    def watch():
        while not ended.wait(0.02):
            most[0] = max(most[0], _kilobytes("RssAnon"))

    watcher = threading.Thread(target=watch, daemon=True)
    if sys.platform == "linux":
        watcher.start()
    try:
        yield most
    finally:
        ended.set()


def _kilobytes(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def _nothing():
    """A CPU has nothing to wait for."""
