"""A policy in a process of its own: what it answers, and what is said when it cannot load or is gone. No ROS."""

import os
from functools import partial

import numpy as np
import pytest
from support.faulty_policies import DRIVEN, GOOD, Faulty, make

from robovlms_mobile.errors import CheckpointError, ModelError
from robovlms_mobile.ros.answering import Answering
from robovlms_mobile.ros.exchange import Frame, Job, Kind
from robovlms_mobile.ros.policy_process import PolicyProcess

FRAME = Frame(bytes(3 * 4 * 6), "rgb8", 4, 6, 1.0)
JOB = Job(FRAME, "Drive to the cup.", True)


def damaged():
    raise CheckpointError("best/ is damaged.", "Copy it again.")


def broken():
    raise RuntimeError("no kernel image")


def ended():
    os._exit(7)


def test_a_policy_answers_until_it_is_killed(tmp_path):
    policy = PolicyProcess(partial(make, "killed", tmp_path / "told", None))
    assert policy.facts.dims == ("linear_x", "linear_y") and (policy.facts.low, policy.facts.high) == (-1.15, 1.15)
    for _ in range(GOOD):
        assert policy.ask(JOB).action == pytest.approx(DRIVEN)
    answer = policy.ask(JOB)
    assert (answer.kind, policy.gone) == (Kind.GONE, True) and "killed by signal 9" in answer.text
    assert policy.ask(JOB).kind is Kind.GONE
    policy.close()


@pytest.mark.parametrize(
    ("loading", "error", "said"),
    [
        (damaged, CheckpointError, "Copy it again."),
        (broken, ModelError, "RuntimeError: no kernel image"),
        (ended, ModelError, "exit status 7"),
    ],
)
def test_a_policy_that_does_not_load_is_told_as_it_says_itself(loading, error, said):
    with pytest.raises(error, match=said):
        PolicyProcess(loading)


def ask(policy, **changed):
    return Answering(policy).ask(Job(**{**vars(JOB), **changed}))


def test_what_is_wrong_is_an_answer_of_its_own(tmp_path):
    policy = Faulty("throws", tmp_path / "told")
    assert ask(policy).kind is Kind.ACTION
    assert ask(policy, frame=Frame(b"no picture", "jpeg")).kind is Kind.BAD_FRAME
    refused = ask(policy, instruction="Fly to the moon.")
    assert refused.kind is Kind.REFUSED and "never trained" in refused.text
    policy.count = GOOD
    failed = ask(policy)
    assert failed.kind is Kind.FAILED and failed.text == "RuntimeError: no kernel image is available"
    assert failed.action is None and failed.seconds >= 0


class Remembering(Faulty):
    def __init__(self):
        self.told = []

    def reset(self, instruction=None):
        self.told.append(instruction)

    def select_action(self, observation):
        self.told.append(observation["stamp"])
        assert observation["image"].size == (6, 4)
        return np.zeros(2)


def test_history_starts_afresh_where_the_job_says_so():
    policy = Remembering()
    answering = Answering(policy)
    for fresh, instruction in ((True, "A."), (False, "A."), (True, "A."), (False, "B.")):
        assert answering.ask(Job(FRAME, instruction, fresh)).kind is Kind.ACTION
    assert policy.told == ["A.", 1.0, 1.0, "A.", 1.0, "B.", 1.0]
