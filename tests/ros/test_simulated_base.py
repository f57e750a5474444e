"""The simulated robot moves as far as velocity and time say, and stands by itself when nothing comes."""

import numpy as np
import pytest

from robovlms_mobile.ros.simulated_base import PARTS, WATCHDOG, SimulatedBase
from robovlms_mobile.simulation.driver import SPEED, STEP, choose_key, move, seen_from
from robovlms_mobile.simulation.room import Drive, judge, room

PERIOD = 0.5


class Base(SimulatedBase):
    """A base in a world of its own time, in a room where what it is told moves it without slip."""

    def __init__(self, steps=30):
        self.now = 10.0
        drive = Drive(room(90001, 0), (90001, 0))
        drive._rng = type("NoSlip", (), {"normal": lambda self, mean, spread, size: np.full(size, mean)})()
        super().__init__(drive, PERIOD, steps, lambda: self.now)

    def go(self, seconds, velocity=None, every=0.05):
        """Let time pass, with a command at each `every`; None for none. Returns metres ahead and to the left."""
        start = self.drive.path[-1]
        for tick in range(1, round(seconds / every) + 1):
            if velocity is not None:
                self.command(*velocity)
            self.now += every
            if tick % round(PERIOD / PARTS / every) == 0:
                self.move()
        return np.array(seen_from((*start, self.drive.pose[2]), *self.drive.path[-1]))


def test_a_step_of_the_recordings_takes_a_period():
    base = Base()
    assert base.go(PERIOD, (SPEED, 0.0)) == pytest.approx([STEP, 0])
    assert base.go(PERIOD, (0.0, SPEED / 2)) == pytest.approx([0, STEP / 2]), "left is positive"


def test_it_stands_when_no_command_comes_any_more():
    base = Base()
    base.go(PERIOD, (SPEED, 0.0))
    most = STEP * WATCHDOG / PERIOD
    assert base.go(5.0)[0] == pytest.approx(most, abs=STEP / PARTS)
    assert base.caught == 1
    assert base.go(1.0, every=0.05) == pytest.approx([0, 0])


def test_a_drive_is_as_long_as_its_steps():
    base, parts = Base(steps=4), 1
    while base.move():
        parts += 1
    assert parts == 4 * PARTS


def parked(world, steps):
    """Return the path of a careful driver, each step in PARTS, with `steps` at rest at its end."""
    pose, path = world.start, [world.start[:2]]
    for _ in range(steps):
        there = move(pose, choose_key(world, pose))
        path += [tuple(np.array(pose[:2]) + (np.array(there[:2]) - pose[:2]) * part / PARTS) for part in PARTED]
        pose = there
    return path


PARTED = range(1, PARTS + 1)


def test_at_rest_is_judged_by_whole_steps():
    """A robot that creeps on is not parked, although each part of a step is short."""
    base = Base()
    base.drive.path = parked(base.drive.world, 30)
    assert base.verdict().parked
    x, y = base.drive.path[-1]
    base.drive.path = [*base.drive.path, *((x + 0.55 * STEP * part / PARTS, y) for part in range(1, 3 * PARTS + 1))]
    assert judge(base.drive.world, base.drive.path).parked
    assert base.verdict().success and not base.verdict().parked
