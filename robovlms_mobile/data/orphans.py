"""End a DataLoader's worker whose run was killed.

A worker of torch's ends by itself when it finds its parent gone, but first waits for whatever it still has to hand
over; a batch larger than a pipe holds waits for ever, and keeps the worker's memory.
"""

import multiprocessing
import os
import threading
import time

from torch.utils.data import get_worker_info

EVERY = 2  # seconds

_watching = set()  # process ids


def end_with_parent() -> None:
    """In a worker, end it soon after its parent is gone; elsewhere do nothing. Idempotent."""
    parent = multiprocessing.parent_process()
    if parent is None or os.getpid() in _watching or get_worker_info() is None:
        return
    _watching.add(os.getpid())
    threading.Thread(target=_watch, args=(parent.pid,), daemon=True).start()


def _watch(parent):
    while os.getppid() == parent:
        time.sleep(EVERY)
    os._exit(1)
