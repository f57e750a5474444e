"""The epoch a run is in, where the workers of a DataLoader can read it.

A dataset lives on as a copy in each worker, and learns nothing of the trainer there. The number stands in shared
memory, so that workers started before an epoch began read the right one once it has.
"""

from multiprocessing import RawValue
from multiprocessing.context import get_spawning_popen


class SharedEpoch:
    """One number that all processes of a run see: `value`.

    Forked workers inherit it. Spawned ones (macOS, Windows) get it with the object that holds it, pickled while they
    start; pickled at any other time it is a copy of its own. An aligned 8-byte number needs no lock.
    """

    def __init__(self, value: int = 0):
        self._shared = RawValue("q", value)

    @property
    def value(self) -> int:
        """The epoch, counted from 0."""
        return self._shared.value

    @value.setter
    def value(self, epoch: int) -> None:
        self._shared.value = epoch

    def __getstate__(self):
        return self.value if get_spawning_popen() is None else self._shared

    def __setstate__(self, state):
        self._shared = RawValue("q", state) if isinstance(state, int) else state


_RUN = SharedEpoch()


def run_epoch() -> SharedEpoch:
    """Return the `SharedEpoch` of this process's run: a dataset keeps it, as an attribute, to read it in workers."""
    return _RUN


def set_epoch(epoch: int) -> None:
    """Say which epoch the run is in."""
    _RUN.value = int(epoch)
