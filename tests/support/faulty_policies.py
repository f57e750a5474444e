"""Policies that drive for ten actions, and then have a fault.

`python -m support.faulty_policies FAULT FILE --ros-args …` runs the node with one. The time of the fault goes into the
file (CLOCK_MONOTONIC, which all processes share).
"""

import ctypes
import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np

from robovlms_mobile.errors import PolicyError

GOOD = 10  # actions
DRIVEN = (0.3, -0.1)


def throw():
    raise RuntimeError("no kernel image is available")


def hang():
    time.sleep(600)


def hang_with_the_lock():
    """As a C extension that never lets go of Python's lock."""
    ctypes.PyDLL(None).sleep(600)


def be_killed():
    os.kill(os.getpid(), signal.SIGKILL)


def be_stopped():
    os.kill(os.getpid(), signal.SIGSTOP)


FAULTS = {
    "none": lambda: None,
    "throws": throw,
    "hangs": hang,
    "hangs with the lock": hang_with_the_lock,
    "killed": be_killed,
    "not scheduled": be_stopped,
    "NaN": lambda: (np.nan, 0.0),
    "infinite": lambda: (0.0, np.inf),
    "out of range": lambda: (60.0, 0.0),
    "wrong shape": lambda: (0.1, 0.1, 0.1),
    "late": lambda: time.sleep(1.0),
}


class Faulty:
    """A policy with the interface of `MobilePolicy`, as far as a robot uses it."""

    dims = ["linear_x", "linear_y"]  # noqa: RUF012 as the real one has it
    execute = 1
    metadata = {"contract": {"action": {"low": -1.15, "high": 1.15}}, "folder": "none", "unknown": []}  # noqa: RUF012

    def __init__(self, fault, told):
        self.fault, self.told, self.count = FAULTS[fault], Path(told), 0

    def reset(self, instruction=None):
        if instruction == "Fly to the moon.":
            raise PolicyError("'Fly to the moon.' was never trained.")

    def select_action(self, observation):
        self.count += 1
        if self.count <= GOOD:
            return np.array(DRIVEN, np.float32)
        if not self.told.exists():
            self.told.write_text(str(time.monotonic()))
        found = self.fault()
        return np.array(DRIVEN if found is None else found, np.float32)


def make(fault, told, parameters):
    """Return the policy; runs in its process."""
    return Faulty(fault, told)


if __name__ == "__main__":
    from robovlms_mobile.ros.node import run

    fault, told, *ros = sys.argv[1:]
    sys.exit(run(partial(make, fault, told), ros))
