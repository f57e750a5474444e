"""The synthetic room as a robot over real ROS 2, driven by the node: the way it goes is the way it was told."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 for Python is not installed")

from support.checkouts import STANDIN
from support.faulty_policies import DRIVEN
from support.processes import run_python
from support.ros_robot import free_domain

from robovlms_mobile.ros.presence import loopback
from robovlms_mobile.simulation.driver import SPEED, STEP, seen_from
from robovlms_mobile.simulation.room import room

STEPS, PERIOD = 8, 0.2
TESTS = Path(__file__).parents[1]
VLM = "runs/demo/tiny-kosmos-2"
WIDE = ("max_linear_x:=2.0", "max_linear_y:=2.0")
PATIENT = ("timeout:=9.0", "max_age:=9.0", "late:=9.0", "life:=9.0")  # for a machine that does much else


@pytest.fixture
def node_of(tmp_path):
    """`node_of(words, environ, *parameters)` starts a node; ended by SIGTERM, it must end with 0."""
    nodes = []

    def start(words, environ, *parameters):
        given = [word for each in (*WIDE, *parameters) for word in ("-p", each)]
        command = [sys.executable, "-m", *map(str, words), "--ros-args", *given]
        log = open(tmp_path / "node.log", "w")  # noqa: SIM115 closed with the process
        nodes.append(subprocess.Popen(command, env={**os.environ, **environ}, stdout=log, stderr=log))
        return tmp_path / "node.log"

    yield start
    for node in nodes:
        node.send_signal(signal.SIGTERM)
        assert node.wait(20) == 0, (tmp_path / "node.log").read_text()


def drive(environ, *arguments):
    done = run_python(["-m", "robovlms_mobile", "ros-sim", "--json", *arguments], ".", environ, timeout=900)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_room_is_driven_through_over_ros(node_of, tmp_path):
    environ = {**loopback(), "ROS_DOMAIN_ID": str(free_domain()), "PYTHONPATH": str(TESTS)}
    faulty = ["support.faulty_policies", "none", tmp_path / "told"]
    node_of(faulty, environ, f"rate:={1 / PERIOD}", *PATIENT)
    (found,) = drive(environ, "--steps", str(STEPS), "--period", str(PERIOD), "--wait", "60")["rooms"]
    told = np.array(DRIVEN) / SPEED * STEP * STEPS  # (2,) metres ahead and left, if it were driven all the time
    went = np.array(seen_from(room(90001, 0).start, *found["end"]))
    assert found["instruction"].startswith("Drive") and not found["parked"]
    assert (went / told >= 0.3).all() and (went / told <= 1.2).all(), f"{went} instead of {told}"
    assert went[0] / went[1] == pytest.approx(told[0] / told[1], rel=0.25), "but for wheel slip"


@pytest.mark.slow
def test_a_trained_policy_parks_over_ros_as_often_as_without(node_of, driver):
    environ = {**loopback(), "ROS_DOMAIN_ID": str(free_domain()), "ROBOVLMS_ROOT": str(STANDIN)}
    rooms = ["--worlds", "12"]
    done = run_python(["-m", "robovlms_mobile", "drive", driver.run, *rooms, "--json"], driver.home, environ)
    low, _ = json.loads(done.stdout)["overall"]["pc_parked_ci95"]
    node_of(["robovlms_mobile", "ros", driver.run / "best", "--base", driver.home / VLM], environ, "rate:=2.0")
    found = drive(environ, *rooms, "--period", "0.5")
    assert found["overall"]["pc_parked"] >= low > 50, [row["reason"] for row in found["rooms"]]
