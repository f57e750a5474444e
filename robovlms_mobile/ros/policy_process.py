"""A policy in a process of its own: one that hangs, crashes or is killed for its memory stops nobody from stopping."""

import contextlib
import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from robovlms_mobile.errors import MobileError, ModelError
from robovlms_mobile.ros.exchange import Answer, Facts, Job, Kind

DIE_WITH_PARENT = 1  # Linux' PR_SET_PDEATHSIG


class PolicyProcess:
    """Load a policy elsewhere and ask it from here. One question at a time.

    Args:
        make: returns the policy; can be pickled.

    Attributes:
        facts: what the policy says of itself.
        gone: True once the process was found to have ended.

    Raises:
        MobileError: the policy cannot be loaded, as `make` says.
    """

    def __init__(self, make: Callable[[], Any]):
        spawning = multiprocessing.get_context("spawn")  # a fork would share this process's threads and sockets
        self._connection, other = spawning.Pipe()
        self._process = spawning.Process(target=_serve, args=(other, make, os.getpid()), name="policy", daemon=True)
        self._process.start()
        other.close()
        try:
            found = self._connection.recv()
        except (EOFError, OSError):
            found = ModelError(f"The policy's process ended while it was loading ({self._ending()}).")
        if isinstance(found, Exception):
            self.close()
            raise found
        self.facts: Facts = found
        self.gone = False

    def ask(self, job: Job) -> Answer:
        """Return the policy's answer; waits for it."""
        try:
            self._connection.send(job)
            return self._connection.recv()
        except (EOFError, OSError):
            self.gone = True
            return Answer(Kind.GONE, text=f"The policy's process ended ({self._ending()}).")

    def close(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.join()

    def _ending(self):
        self._process.join(5)
        code = self._process.exitcode
        return f"exit status {code}" if code is None or code >= 0 else f"killed by signal {-code}"


def _serve(connection, make, parent):
    """Run in the policy's process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the node, which ends this one
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:  # which was killed before it could be watched
        return
    from robovlms_mobile.ros.answering import Answering

    try:
        answering = Answering(make())
        connection.send(answering.facts())
    except Exception as error:
        known = isinstance(error, MobileError)
        connection.send(error if known else ModelError(f"The policy does not load: {type(error).__name__}: {error}"))
        return
    with contextlib.suppress(EOFError):
        while True:
            connection.send(answering.ask(connection.recv()))
