"""What the wheels get, by a clock that the tests move. Every cause of standing still, and what ends it."""

import numpy as np
import pytest

from robovlms_mobile.ros.exchange import Answer, Facts, Frame, Kind
from robovlms_mobile.ros.guard import Cause, Guard, Rules
from robovlms_mobile.ros.limits import Limits

RULES = Rules(period=0.5, timeout=0.4, max_age=0.3, repeats=3, late=0.5, life=0.75)
FACTS = Facts(("linear_x", "linear_y"), -1.15, 1.15, None, {})
WIDE = Limits((2.0, 2.0, 2.0))
LEFT_AHEAD = Answer(Kind.ACTION, np.array([0.4, 0.2]))


class Robot:
    """A guard in a world of its own time: a camera of 20 Hz, and the instruction given."""

    def __init__(self, rules=RULES, limits=WIDE, facts=FACTS):
        self.now, self.count = 100.0, 0
        self.guard = Guard(rules, limits, facts, lambda: self.now)
        self.guard.instruct("Drive to the cup.")

    def see(self, age=0.0, image=None):
        self.count += 1
        self.guard.frame(Frame(image or str(self.count).encode(), "rgb8", age=age))

    def wait(self, seconds, **frames):
        """Let time pass; with `see=False` no frame comes. Return the last velocity, as a list."""
        seeing = frames.pop("see", True)
        for _ in range(round(seconds / 0.05)):
            self.now += 0.05
            if seeing:
                self.see(**frames)
            velocity = self.guard.velocity()
        return velocity.tolist()

    def ask(self, **frames):
        """Show frames until the guard asks; return what it asks."""
        for _ in range(40):
            self.now += 0.05
            self.see(**frames)
            self.guard.velocity()
            if job := self.guard.job():
                return job
        raise AssertionError(f"nothing was asked: {self.guard.stopped()}")

    def drive(self, answer=LEFT_AHEAD):
        """Ask and answer at once; return the velocity then, as a list."""
        self.ask()
        self.guard.answer(answer)
        return self.guard.velocity().tolist()

    def cause(self):
        found = self.guard.stopped()
        return found and found.cause


@pytest.fixture
def robot():
    return Robot()


STAND = [0.0, 0.0, 0.0]
DRIVEN = [0.4, 0.2, 0.0]


def test_an_action_is_driven_with_the_signs_its_dims_have(robot):
    assert robot.drive() == DRIVEN
    turning = Robot(facts=Facts(("angular_z", "linear_x"), -1.15, 1.15, None, {}))
    assert turning.drive() == [0.2, 0.0, 0.4]


def test_nothing_moves_before_the_first_answer(robot):
    assert robot.wait(1) == STAND
    assert robot.cause() is Cause.NO_ACTION


def test_without_instruction_nothing_is_asked(robot):
    robot.guard.instruct("  ")
    assert robot.wait(1) == STAND
    assert robot.guard.job() is None and robot.cause() is Cause.NO_INSTRUCTION


@pytest.mark.parametrize(
    "cause, happens",
    [
        (Cause.NO_FRAME, {"see": False}),
        (Cause.SAME_FRAME, {"image": b"frozen"}),
        (Cause.OLD_FRAME, {"age": 0.31}),
        (Cause.OLD_FRAME, {"age": -0.31}),
    ],
)
def test_a_camera_at_fault_stops_the_robot_until_fresh_frames_are_answered(robot, cause, happens):
    assert robot.drive() == DRIVEN
    assert robot.wait(0.45, **happens) == STAND
    assert robot.cause() is cause
    assert robot.guard.job() is None
    robot.now += 0.05
    robot.see()
    assert robot.guard.velocity().tolist() == STAND, "the action before the stop must not come back"
    assert robot.drive() == DRIVEN


def test_frames_may_repeat_as_often_as_is_said(robot):
    robot.drive()
    assert robot.wait(0.15, image=b"frozen") == DRIVEN
    assert robot.wait(0.05, image=b"frozen") == STAND
    still = Robot(Rules(**{**vars(RULES), "repeats": 0}))
    still.drive()
    assert still.wait(0.3, image=b"frozen") == DRIVEN


def test_a_frame_that_waited_too_long_is_not_asked_about():
    robot = Robot(Rules(**{**vars(RULES), "timeout": 5.0}))
    robot.drive()
    robot.now += 0.1
    robot.see(age=0.1)
    robot.now += 0.35
    assert robot.guard.job() is None
    robot.see(age=0.1)
    assert robot.guard.job() is not None


def test_a_policy_that_is_late_stops_the_robot_and_its_answer_moves_nothing(robot):
    robot.drive()
    robot.ask()
    assert robot.wait(0.55) == STAND
    assert robot.cause() is Cause.LATE
    robot.guard.answer(LEFT_AHEAD)
    assert robot.guard.velocity().tolist() == STAND and robot.cause() is Cause.LATE
    assert robot.drive() == DRIVEN


def test_a_policy_that_hangs_is_not_asked_again_and_the_robot_stands_for_ever(robot):
    robot.drive()
    robot.ask()
    for _ in range(20):
        assert robot.wait(1) == STAND
        assert robot.guard.job() is None
    robot.guard.reset()
    assert robot.wait(1) == STAND and robot.cause() is Cause.LATE


@pytest.mark.parametrize(
    "cause, answer",
    [
        (Cause.FAILED, Answer(Kind.FAILED, text="ValueError: no")),
        (Cause.FAILED, Answer(Kind.ACTION, np.zeros(3))),
        (Cause.FAILED, Answer(Kind.ACTION, np.zeros((10, 2)))),
        (Cause.NOT_FINITE, Answer(Kind.ACTION, np.array([np.nan, 0]))),
        (Cause.NOT_FINITE, Answer(Kind.ACTION, np.array([0, -np.inf]))),
        (Cause.OUT_OF_RANGE, Answer(Kind.ACTION, np.array([1.2, 0]))),
        (Cause.OUT_OF_RANGE, Answer(Kind.ACTION, np.array([0, -60.0]))),
        (Cause.REFUSED, Answer(Kind.REFUSED, text="never trained")),
    ],
)
def test_a_policy_at_fault_stops_the_robot_until_reset(robot, cause, answer):
    robot.drive()
    assert robot.drive(answer) == STAND
    assert robot.wait(5) == STAND
    assert robot.cause() is cause and robot.guard.job() is None
    robot.guard.reset()
    assert robot.guard.velocity().tolist() == STAND
    assert robot.drive() == DRIVEN


@pytest.mark.parametrize("begin", [lambda guard: guard.reset(), lambda guard: guard.instruct("Drive on.")])
def test_an_episode_begins_with_a_frame_that_came_after_its_beginning(robot, begin):
    robot.drive()
    robot.now += RULES.period
    robot.see()
    begin(robot.guard)
    assert robot.guard.job() is None
    robot.see()
    assert robot.guard.job().fresh


def test_another_instruction_ends_a_refused_one(robot):
    robot.drive(Answer(Kind.REFUSED, text="never trained"))
    robot.guard.instruct("Drive to the other cup.")
    assert robot.ask().instruction == "Drive to the other cup."


def test_another_instruction_stops_the_robot_until_it_is_answered(robot):
    robot.drive()
    job = robot.ask()
    robot.guard.instruct("Drive to the other cup.")
    robot.guard.answer(LEFT_AHEAD)  # to the one before
    assert robot.guard.velocity().tolist() == STAND
    assert job.instruction == "Drive to the cup."
    assert robot.drive() == DRIVEN
    robot.guard.instruct("Drive to the other cup.")  # once more: nothing new
    assert robot.guard.velocity().tolist() == DRIVEN


def test_a_frame_that_cannot_be_read_stops_the_robot_until_one_can(robot):
    robot.drive()
    assert robot.drive(Answer(Kind.BAD_FRAME, text="no JPEG")) == STAND
    assert robot.cause() is Cause.BAD_FRAME
    assert robot.ask().fresh
    robot.guard.answer(LEFT_AHEAD)
    assert robot.guard.velocity().tolist() == DRIVEN


def test_stop_holds_until_reset_and_what_was_asked_before_moves_nothing(robot):
    robot.drive()
    robot.ask()
    robot.guard.stop()
    assert robot.guard.velocity().tolist() == STAND
    robot.guard.reset()
    robot.guard.answer(LEFT_AHEAD)
    assert robot.guard.velocity().tolist() == STAND
    assert robot.drive() == DRIVEN


def test_the_end_is_for_ever(robot):
    robot.drive()
    robot.guard.stop(Cause.OVER, "parent gone")
    robot.guard.reset()
    robot.guard.stop()
    robot.guard.instruct("Drive on.")
    assert robot.wait(2) == STAND and robot.cause() is Cause.OVER and robot.guard.over


def test_a_policy_that_is_gone_ends_it(robot):
    robot.drive(Answer(Kind.GONE, text="killed"))
    assert robot.guard.over


def test_an_action_outlives_its_life_by_nothing():
    robot = Robot(Rules(**{**vars(RULES), "late": 60.0}))
    robot.drive()
    robot.ask()
    assert robot.wait(0.7 - 0.5) == DRIVEN
    assert robot.wait(0.3) == STAND
    assert robot.cause() is Cause.NO_ACTION


def test_a_pulse_is_driven_and_then_the_robot_rests_without_being_stopped():
    robot = Robot(Rules(**{**vars(RULES), "pulse": 0.12}))
    assert robot.drive() == DRIVEN
    assert robot.wait(0.1) == DRIVEN
    assert robot.wait(0.05) == STAND
    assert robot.cause() is None
    assert robot.drive() == DRIVEN


def test_the_policy_is_asked_once_a_period_whatever_the_camera_does(robot):
    asked = []
    for step in range(400):  # 20 s at 20 Hz
        robot.now += 0.05
        robot.see()
        if robot.guard.job():
            asked.append(step)
            robot.guard.answer(LEFT_AHEAD)
    assert 39 <= len(asked) <= 41
    assert set(np.diff(asked)[1:]) == {10}


def test_a_camera_as_fast_as_the_policy_has_every_frame_asked_about():
    robot = Robot(Rules(**{**vars(RULES), "timeout": 1.0}))
    jitter = np.random.default_rng(0).uniform(-0.08, 0.08, 100)
    asked = 0
    for step in range(100):
        robot.now = 100 + 0.5 * step + jitter[step]
        robot.see()
        if robot.guard.job():
            asked += 1
            robot.guard.answer(LEFT_AHEAD)
    assert asked >= 98


def test_history_starts_afresh_after_a_stop_and_only_then(robot):
    assert robot.ask().fresh
    robot.guard.answer(LEFT_AHEAD)
    assert not robot.ask().fresh
    robot.guard.answer(LEFT_AHEAD)
    robot.wait(0.45, see=False)
    assert robot.ask().fresh
    robot.guard.answer(LEFT_AHEAD)
    assert not robot.ask().fresh
    robot.wait(0.6)  # late
    robot.guard.answer(LEFT_AHEAD)
    assert robot.ask().fresh
    robot.guard.answer(LEFT_AHEAD)
    assert not robot.ask().fresh
    robot.guard.answer(LEFT_AHEAD)
    robot.guard.reset()
    assert robot.ask().fresh


def test_speeds_are_limited_by_one_factor_so_that_the_way_stays():
    robot = Robot(limits=Limits((0.2, 0.2, 1.0)))
    assert robot.drive() == pytest.approx([0.2, 0.1, 0])


def test_only_speeding_up_is_limited():
    robot = Robot(limits=Limits((2.0, 2.0, 2.0), (1.0, 1.0, 1.0)))
    robot.ask()
    robot.guard.answer(Answer(Kind.ACTION, np.array([1.0, 0.0])))
    assert robot.wait(0.05)[0] == pytest.approx(0.05)
    assert robot.wait(0.2)[0] == pytest.approx(0.25)
    robot.guard.answer(Answer(Kind.ACTION, np.array([0.1, 0.0])))
    assert robot.guard.velocity()[0] == pytest.approx(0.1), "slower at once"
    robot.guard.answer(Answer(Kind.ACTION, np.array([-1.0, 0.0])))
    assert robot.wait(0.05)[0] == pytest.approx(-0.05), "the other way from rest"
    robot.guard.stop()
    assert robot.guard.velocity().tolist() == STAND, "a stop is not limited"


def test_speed_does_not_jump_after_a_pause_of_the_machine():
    robot = Robot(limits=Limits((2.0, 2.0, 2.0), (1.0, 1.0, 1.0)))
    robot.drive()
    robot.now += 0.3
    assert robot.guard.velocity()[0] <= 0.11


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_the_robot_never_drives_by_what_is_older_than_allowed(seed):
    """Random faults all at once: each velocity is zero, or the last answer, in time, to a fresh frame."""
    rng = np.random.default_rng(seed)
    robot, asked, given = Robot(), None, None
    for _ in range(2000):
        robot.now += 0.05
        if rng.random() < 0.9:
            robot.see(age=0.5 if rng.random() < 0.02 else 0.05, image=b"x" if rng.random() < 0.1 else None)
        if asked is None and robot.guard.job():
            asked = robot.now
        if asked is not None and rng.random() < 0.2:
            value = np.array([rng.uniform(0.1, 1.0), np.nan if rng.random() < 0.02 else 0.1])
            robot.guard.answer(Answer(Kind.ACTION, value))
            given, asked = (robot.now, asked, value), None
        if rng.random() < 0.02:
            rng.choice([robot.guard.reset, robot.guard.stop, lambda: robot.guard.instruct(str(robot.now))])()
        velocity = robot.guard.velocity()
        assert np.isfinite(velocity).all()
        if velocity.any():
            at, since, value = given
            assert velocity[:2].tolist() == value.tolist()
            assert robot.now - at <= RULES.life and at - since <= RULES.late + 1e-9
            assert robot.guard.stopped() is None
