"""One word for all processes of a run: rank 0 decides, the others get what it decided, or the refusal."""

import os
from collections.abc import Callable
from typing import Any

from robovlms_mobile.errors import MobileError


def from_rank_zero(decide: Callable) -> Any:
    """Return on every rank what `decide` returns on rank 0, the only one to call it.

    What each rank saw for itself could differ: its clock, a file system that lags behind, a disk of its own.

    Raises:
        MobileError: the same on every rank, when `decide` raises one.
    """
    from torch import device, distributed

    told: list[Any] = [_outcome(decide) if distributed.get_rank() == 0 else None]
    # nccl sends from GPUs, one a process: without a device all would take the first
    nccl = "nccl" in distributed.get_backend()
    place = device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if nccl else None
    distributed.broadcast_object_list(told, src=0, device=place)
    value, refusal = told[0]
    if refusal:
        raise refusal
    return value


def _outcome(decide):
    try:
        return decide(), None
    except MobileError as error:
        return None, error
