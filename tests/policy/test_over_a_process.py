"""The real policy in a process of its own, as the ROS 2 node asks it. No ROS."""

from functools import partial

import numpy as np
import pytest
from support.checkouts import STANDIN

from robovlms_mobile.ros.exchange import Frame, Job, Kind
from robovlms_mobile.ros.node_parameters import Parameters
from robovlms_mobile.ros.policy_process import PolicyProcess
from robovlms_mobile.ros.real_policy import load

LEFT = "Drive around the box on the left to the cup."
FRAMES = np.random.default_rng(0).integers(0, 256, (3, 36, 64, 3), np.uint8)


@pytest.fixture(scope="module")
def apart(adapters):
    found = PolicyProcess(partial(load, str(adapters), None, str(STANDIN), Parameters(device="cpu")))
    yield found
    found.close()


def job(number, instruction=LEFT):
    bgr = FRAMES[number][..., ::-1].tobytes()
    return Job(Frame(bgr, "bgr8", 36, 64, stamp=float(number)), instruction, fresh=number == 0)


def test_a_process_of_its_own_answers_as_the_policy_does(apart, policy):
    for number, pixels in enumerate(FRAMES):
        here = policy.select_action({"image": pixels, "instruction": LEFT, "stamp": float(number)})
        there = apart.ask(job(number))
        assert there.kind is Kind.ACTION, there.text
        assert np.abs(there.action - here).max() <= 1e-5


def test_the_node_learns_what_the_contract_says(apart):
    facts = apart.facts
    assert (facts.dims, facts.low, facts.high, facts.period) == (("linear_x", "linear_y"), -1.15, 1.15, 1.0)
    assert "recorded size" in facts.shown["not known of the recordings"]


def test_an_instruction_never_trained_is_refused_with_the_nearest(apart):
    answer = apart.ask(job(0, "Fly to the moon."))
    assert answer.kind is Kind.REFUSED and "was never trained" in answer.text
