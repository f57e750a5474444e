"""A pilot ticks on whatever the policy does."""

import threading
import time

import numpy as np
import pytest

from robovlms_mobile.ros.exchange import Answer, Facts, Frame, Kind
from robovlms_mobile.ros.guard import Cause, Guard, Rules
from robovlms_mobile.ros.limits import Limits
from robovlms_mobile.ros.pilot import Pilot

RULES = Rules(period=0.02, timeout=9.0, max_age=9.0, repeats=0, late=0.25, life=0.5)


@pytest.fixture
def pilot_of():
    """`pilot_of(ask)` → a pilot with an instruction."""

    def make(ask):
        guard = Guard(RULES, Limits((1.0, 1.0, 1.0)), Facts(("linear_x",), -1.0, 1.0, None, {}))
        guard.instruct("Drive.")
        return Pilot(guard, ask)

    return make


def ticks(pilot, seconds):
    """Tick with fresh frames for some time; return the last velocity's linear_x and the longest tick."""
    longest, end = 0.0, time.monotonic() + seconds
    while time.monotonic() < end:
        pilot.guard.frame(Frame(str(time.monotonic()).encode(), "rgb8"))
        started = time.monotonic()
        velocity = pilot.tick()
        longest = max(longest, time.monotonic() - started)
        time.sleep(0.005)
    return velocity[0], longest


def test_a_policy_that_answers_drives(pilot_of):
    velocity, _ = ticks(pilot_of(lambda job: Answer(Kind.ACTION, np.array([0.5]))), 0.3)
    assert velocity == 0.5


def test_a_policy_that_hangs_blocks_no_tick(pilot_of):
    hanging = threading.Event()
    pilot = pilot_of(lambda job: hanging.wait(30))
    velocity, longest = ticks(pilot, 0.6)
    assert velocity == 0 and pilot.guard.stopped().cause is Cause.LATE
    assert longest < 5
    hanging.set()


def test_what_a_policy_throws_stops_the_robot_and_is_told(pilot_of):
    def throw(job):
        raise RuntimeError("no such kernel")

    pilot = pilot_of(throw)
    assert ticks(pilot, 0.2)[0] == 0
    assert pilot.guard.stopped() == (Cause.FAILED, "RuntimeError: no such kernel")
