"""The synthetic room's robot driven by velocities for as long as they last; its watchdog, its verdict. No ROS."""

import time
from collections.abc import Callable

import numpy as np

from robovlms_mobile.simulation.room import Drive, Verdict, judge

WATCHDOG = 0.5  # seconds after the last command at which the base stops by itself
PARTS = 5  # of a period: how often the robot moves and its camera sees


class SimulatedBase:
    """Moves a `Drive` by the velocities it is told and the time they last.

    A velocity moves it in `period` seconds as far as a step of the recordings: see `simulation.driver.STEP`.

    Args:
        drive: robot and room.
        period: seconds that a step of the recordings lasts here.
        steps: of the recordings, after which the drive is over.
        clock: seconds that never go back.

    Attributes:
        caught: how often the watchdog stopped it.
    """

    def __init__(self, drive: Drive, period: float, steps: int, clock: Callable[[], float] = time.monotonic):
        self.drive, self.caught = drive, 0
        self._period, self._left, self._clock = period, steps * PARTS, clock
        self._velocity, self._told, self._at = np.zeros(2), clock(), clock()
        self._way = np.zeros(2)  # m, what the wheels were told since the last part

    def command(self, linear_x: float, linear_y: float) -> None:
        """Take a velocity, m/s."""
        self._go_on()
        self._velocity, self._told = np.array([linear_x, linear_y]), self._clock()

    def move(self) -> bool:
        """Move by what was told since the last call, one part of a step. Returns whether the drive goes on."""
        self._go_on()
        self.drive.step(self._way / self._period)
        self._way = np.zeros(2)
        self._left -= 1
        return self._left > 0 and not self.drive.crashed

    def verdict(self) -> Verdict:
        """Judge the drive as `robovlms-mobile drive` does: at rest is judged by whole steps."""
        fine = judge(self.drive.world, self.drive.path)
        steps = judge(self.drive.world, self.drive.path[::-PARTS][::-1])
        return Verdict(fine.success, fine.success and steps.parked, fine.collision, fine.wrong_side)

    def _go_on(self):
        now, end = self._clock(), self._told + WATCHDOG
        self._way = self._way + self._velocity * max(0.0, min(now, end) - self._at)
        if now > end and self._velocity.any():
            self._velocity, self.caught = np.zeros(2), self.caught + 1
        self._at = now
