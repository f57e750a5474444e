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

from support.faulty_policies import DRIVEN
from support.processes import run_python
from support.ros_robot import free_domain

from robovlms_mobile.ros.presence import loopback
from robovlms_mobile.simulation.driver import SPEED, STEP, seen_from
from robovlms_mobile.simulation.room import room

STEPS, PERIOD = 8, 0.2
TESTS = Path(__file__).parents[1]
WIDE = ["-p", "max_linear_x:=2.0", "-p", "max_linear_y:=2.0"]


@pytest.fixture
def node_of(tmp_path):
    """`node_of(words, environ, *parameters)` starts a node; ended by SIGTERM, it must end with 0."""
    nodes = []

    def start(words, environ, *parameters):
        given = [word for each in parameters for word in ("-p", each)]
        command = [sys.executable, "-m", *map(str, words), "--ros-args", *WIDE, *given]
        log = open(tmp_path / "node.log", "w")  # noqa: SIM115 closed with the process
        nodes.append(subprocess.Popen(command, env={**os.environ, **environ}, stdout=log, stderr=log))
        return tmp_path / "node.log"

    yield start
    for node in nodes:
        node.send_signal(signal.SIGTERM)
        assert node.wait(20) == 0, (tmp_path / "node.log").read_text()


def drive(environ, *arguments):
    done = run_python(["-m", "robovlms_mobile", "ros-sim", "--json", *arguments], ".", environ)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_room_is_driven_through_over_ros(node_of, tmp_path):
    environ = {**loopback(), "ROS_DOMAIN_ID": str(free_domain()), "PYTHONPATH": str(TESTS)}
    faulty = ["support.faulty_policies", "none", tmp_path / "told"]
    node_of(faulty, environ, f"rate:={1 / PERIOD}")
    (found,) = drive(environ, "--steps", str(STEPS), "--period", str(PERIOD), "--wait", "60")["rooms"]
    told = np.array(DRIVEN) / SPEED * STEP * STEPS
    went = np.array(seen_from(room(90001, 0).start, *found["end"]))
    assert found["instruction"].startswith("Drive") and not found["parked"] and found["stops"] == []
    assert went == pytest.approx(told, rel=0.25), "ahead and left as told, but for wheel slip and the first answer"
