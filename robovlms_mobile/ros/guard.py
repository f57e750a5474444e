"""Which velocity the wheels get now, and when they get none. No ROS, no policy, no thread; the clock is handed in."""

import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

import numpy as np

from robovlms_mobile.data.names import ACTION_DIMS
from robovlms_mobile.ros.exchange import Answer, Facts, Frame, Job, Kind
from robovlms_mobile.ros.limits import Limits

EARLY = 0.25  # of a period: so much before its turn a frame is taken, for cameras no faster than the policy
EDGE = 1e-3  # m/s and rad/s: what an action may lie out of its range by rounding
NEVER = -np.inf


class Cause(Enum):
    """Why the robot stands; of several the first. The latched ones last until `reset`, the others end by themselves."""

    OVER = ("the node is ending", True)
    STOPPED = ("stopped by hand", True)
    FAILED = ("the policy failed", True)
    NOT_FINITE = ("the action is no number", True)
    OUT_OF_RANGE = ("the action is out of range", True)
    REFUSED = ("the instruction is refused", True)  # until another one, too
    NO_INSTRUCTION = ("no instruction", False)
    NO_FRAME = ("no frame", False)
    OLD_FRAME = ("the frame is too old", False)
    SAME_FRAME = ("the same frame again", False)
    LATE = ("the policy is late", False)
    BAD_FRAME = ("the frame cannot be read", False)
    NO_ACTION = ("no action in time", False)

    def __init__(self, text: str, latched: bool):
        self.text, self.latched = text, latched


class Stop(NamedTuple):
    """A cause, and what a person should know of it: seen against allowed."""

    cause: Cause
    detail: str = ""


@dataclass(frozen=True)
class Rules:
    """When the robot stands. All in seconds, but `repeats`.

    Attributes:
        period: from one action to the next.
        timeout: without a frame.
        max_age: of a frame, and how far the camera's clock may be ahead.
        repeats: how often in a row the same frame may come; 0 for any number.
        late: how long the policy may take.
        life: of an action.
        pulse: how long an action is driven, the robot standing for the rest of its period; 0 for all of it.
    """

    period: float
    timeout: float
    max_age: float
    repeats: int
    late: float
    life: float
    pulse: float = 0.0


class Guard:
    """Takes frames, answers and time; says what to ask the policy and which velocity to publish.

    The robot stands, from the next call of `velocity` on, while there is any `Stop`, and after it until an action for a
    frame that came later. After a stop the policy's history starts afresh: the frames before it are no step apart from
    the next.

    Args:
        clock: seconds that never go back.

    Attributes:
        instruction: what the policy is told, "" for nothing.
    """

    def __init__(self, rules: Rules, limits: Limits, facts: Facts, clock: Callable[[], float] = time.monotonic):
        self.rules, self.limits, self.facts, self._clock = rules, limits, facts, clock
        self._latched: Stop | None = None
        self._passing: Stop | None = None  # the next good answer ends it
        self.instruction = ""
        self._frame: Frame | None = None
        self._arrived, self._sum, self._times, self._new = clock(), 0, 0, False
        self._asked_at: float | None = None  # while the policy is asked
        self._due = NEVER
        self._fresh, self._void = True, False  # forget the frames before; the answer to come moves nothing
        self._wanted, self._since = np.zeros(3), NEVER
        self._current, self._told_at = np.zeros(3), clock()

    def frame(self, frame: Frame) -> None:
        """Take what the camera has sent just now."""
        found = zlib.crc32(frame.image)
        self._times = self._times + 1 if found == self._sum else 1
        self._frame, self._arrived, self._sum, self._new = frame, self._clock(), found, True

    def instruct(self, text: str) -> None:
        """Take an instruction; "" for none. Another one than before stands the robot until it is answered."""
        if text.strip() == self.instruction:
            return
        self.instruction = text.strip()
        if self._latched and self._latched.cause is Cause.REFUSED:
            self._latched = None
        self._forget()

    def stop(self, cause: Cause = Cause.STOPPED, detail: str = "") -> None:
        """Stand until `reset`; for ever with `Cause.OVER`."""
        if not self.over:
            self._latched = Stop(cause, detail)

    def reset(self) -> None:
        """Start an episode: forget the frames before, and end a stop that waits for this."""
        if not self.over:
            self._latched = None
            self._forget()

    @property
    def over(self) -> bool:
        """Whether the robot stands for ever."""
        return self._latched is not None and self._latched.cause is Cause.OVER

    def stopped(self) -> Stop | None:
        """Return why the robot stands now, None while it may drive."""
        if found := self._waiting():
            return found
        now = self._clock()
        if self._asked_at is not None and now - self._asked_at > self.rules.late:
            return Stop(Cause.LATE, f"asked {now - self._asked_at:.2f} s ago, allowed are {self.rules.late:.2f} s")
        if self._passing is None and now - self._since > self.rules.life:
            return Stop(Cause.NO_ACTION, "none yet" if self._since == NEVER else f"none for {now - self._since:.2f} s")
        return self._passing

    def job(self) -> Job | None:
        """Return what to ask the policy now; it then counts as asked until `answer`."""
        now, frame = self._clock(), self._frame
        if self._asked_at is not None or now < self._due - EARLY * self.rules.period or self._waiting():
            return None
        if frame is None or not self._new or frame.age + now - self._arrived > self.rules.max_age:
            return None
        self._due = (self._due if now - self._due < self.rules.period / 2 else now) + self.rules.period
        fresh, self._fresh = self._fresh, False
        self._asked_at, self._new, self._void = now, False, False
        return Job(frame, self.instruction, fresh)

    def answer(self, answer: Answer) -> None:
        """Take the policy's answer. One that is late, or to what was asked before a stop, moves nothing."""
        self._notice()
        self._asked_at = None
        if answer.kind is Kind.ACTION:
            self._judge(np.asarray(answer.action, float))
        elif answer.kind is Kind.BAD_FRAME:
            self._forget()
            self._passing = Stop(Cause.BAD_FRAME, answer.text)
        elif answer.kind is not Kind.REFUSED:
            self.stop(Cause.OVER if answer.kind is Kind.GONE else Cause.FAILED, answer.text)
        elif not self._void:
            self.stop(Cause.REFUSED, answer.text)

    def velocity(self) -> np.ndarray:
        """Return what to publish now: (3,) linear_x forward, linear_y left m/s, angular_z counter-clockwise rad/s."""
        now = self._clock()
        passed, self._told_at = now - self._told_at, now
        if self._notice():
            self._current = np.zeros(3)
            return self._current
        resting = self.rules.pulse and now - self._since > self.rules.pulse
        self._current = self.limits.towards(np.zeros(3) if resting else self._wanted, self._current, passed)
        return self._current

    def _notice(self):
        """Return the stop there is; what was seen and asked before it counts no more, whatever ends it."""
        found = self.stopped()
        if found is None or found is self._passing or found.cause is Cause.NO_ACTION:
            return found
        self._forget()
        if found.cause is Cause.LATE:
            self._passing = found
        return found

    def _judge(self, action):
        """Drive by an action from now on, unless it is none to drive by."""
        dims, low, high = list(self.facts.dims), self.facts.low, self.facts.high
        if action.shape != (len(dims),):
            self.stop(Cause.FAILED, f"The action has the shape {action.shape}, expected {len(dims)} values: {dims}.")
        elif not np.isfinite(action).all():
            self.stop(Cause.NOT_FINITE, f"{dims} are {action.tolist()}.")
        elif (action < low - EDGE).any() or (action > high + EDGE).any():
            self.stop(Cause.OUT_OF_RANGE, f"{dims} are {action.tolist()}, trained were {low:g} to {high:g}.")
        elif not self._void:
            velocity = np.zeros(3)
            velocity[[ACTION_DIMS.index(dim) for dim in dims]] = action
            self._wanted, self._since, self._passing = self.limits.slowed(velocity), self._clock(), None

    def _waiting(self):
        """Return the stop during which the policy is not asked either."""
        if self._latched:
            return self._latched
        if not self.instruction:
            return Stop(Cause.NO_INSTRUCTION)
        silent = self._clock() - self._arrived
        if self._frame is None or silent > self.rules.timeout:
            return Stop(Cause.NO_FRAME, f"none for {silent:.2f} s")
        if abs(self._frame.age) > self.rules.max_age:
            allowed = f"allowed are {self.rules.max_age:.2f} s"
            return Stop(Cause.OLD_FRAME, f"{self._frame.age:.2f} s old when it came, {allowed}")
        if self.rules.repeats and self._times > self.rules.repeats:
            return Stop(Cause.SAME_FRAME, f"{self._times} times in a row")
        return None

    def _forget(self):
        """What was seen, asked and answered so far counts no more."""
        self._passing, self._since, self._new, self._fresh, self._void = None, NEVER, False, True, True
