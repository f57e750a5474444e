"""A guard, and a policy that is asked what the guard wants to know. No ROS."""

from collections.abc import Callable

import numpy as np

from robovlms_mobile.ros.asking import Asking
from robovlms_mobile.ros.exchange import Answer, Job
from robovlms_mobile.ros.guard import Guard


class Pilot:
    """Turns what the guard knows into velocities, tick by tick. A tick never waits for the policy.

    Args:
        ask, answered: see `Asking`. A tick after each frame and each answer keeps the way from one to the other short.

    Attributes:
        last: the last answer, None before the first.
    """

    def __init__(self, guard: Guard, ask: Callable[[Job], Answer], answered: Callable[[], object] = lambda: None):
        self.guard, self._asking = guard, Asking(ask, answered)
        self.last: Answer | None = None

    def tick(self) -> np.ndarray:
        """Return the velocity to publish now, (3,): see `Guard.velocity`."""
        answer = self._asking.answer()
        if answer is not None:
            self.last = answer
            self.guard.answer(answer)
        job = self.guard.job()
        if job is not None:
            self._asking.start(job)
        return self.guard.velocity()
