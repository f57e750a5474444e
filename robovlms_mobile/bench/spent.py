"""CPU and wall seconds of a block of code."""

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Spent:
    """CPU and wall seconds of a block, children that ended in it included."""

    cpu = wall = 0.0


@contextmanager
def spent() -> Iterator[Spent]:
    """Yield a `Spent` that is filled in when the block ends."""
    result, cpu, wall = Spent(), _cpu(), time.perf_counter()
    yield result
    result.cpu, result.wall = _cpu() - cpu, time.perf_counter() - wall


def _cpu():
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
