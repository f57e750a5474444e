"""Without ROS 2 its verbs say what to install, and nothing else needs it."""

import sys

import pytest

from robovlms_mobile.cli import main


@pytest.mark.parametrize("command", [["ros", "best"], ["ros-sim"]])
@pytest.mark.parametrize("absent", ["rclpy.node", "diagnostic_msgs.msg"])
def test_what_to_install_is_said(command, absent, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, absent, None)
    assert main(command) == 1
    said = capsys.readouterr().err
    assert "ROS 2 for Python is not here" in said and "pip install 'robovlms-mobile[ros]'" in said
    assert "source /opt/ros/" in said and "Traceback" not in said
