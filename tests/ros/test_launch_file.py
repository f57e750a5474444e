"""The launch file and its parameters, found in the installed package."""

import os
import sys
import xml.etree.ElementTree as xml
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from support.processes import run_python

from robovlms_mobile.cli import build_parser
from robovlms_mobile.ros.node_parameters import Parameters

FOLDER = files("robovlms_mobile") / "ros"


def test_its_parameters_are_ones_the_node_takes():
    (given,) = yaml.safe_load((FOLDER / "robot.yaml").read_text())["robovlms_mobile"].values()
    assert len(given) > 8
    assert Parameters.of(given).max_linear_x <= Parameters().max_linear_x


def test_its_command_is_one_the_verb_takes():
    root = xml.fromstring((FOLDER / "robot.launch.xml").read_text())
    command = root.find("executable").attrib["cmd"]
    named = {each.attrib["name"] for each in root.findall("arg")}
    assert named == {"adapters", "params"} and all(f"$(var {name})" in command for name in named)
    program, *words = command.replace("$(var ", "").replace(")", "").split()
    args = build_parser("ros").parse_args(words)
    assert (program, args.adapters, args.ros_args) == ("robovlms-mobile", "adapters", ["--params-file", "params"])


@pytest.mark.slow
def test_ros_own_launch_starts_it(tmp_path):
    pytest.importorskip("launch_xml", reason="ROS 2's launch is not installed; it is part of a robot's ROS")
    code = (
        "import sys; from launch import LaunchService, LaunchDescription; "
        "from launch.actions import IncludeLaunchDescription as Include; "
        "from launch.launch_description_sources import AnyLaunchDescriptionSource as Source; "
        "service = LaunchService(); service.include_launch_description(LaunchDescription("
        "[Include(Source(sys.argv[1]), launch_arguments={'adapters': 'nowhere'}.items())])); sys.exit(service.run())"
    )
    environ = {
        "ROS_LOG_DIR": tmp_path,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "AMENT_PREFIX_PATH": os.environ.get("AMENT_PREFIX_PATH", sys.prefix),
    }
    done = run_python(["-c", code, FOLDER / "robot.launch.xml"], tmp_path, environ)
    assert "robovlms-mobile ros: " in done.stdout + done.stderr and "nowhere" in done.stdout + done.stderr
