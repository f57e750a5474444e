"""The node over real ROS 2: whatever goes wrong, the wheels get zero within a stated time, and stay there."""

import io
import signal
import subprocess
import sys
import time
from functools import partial

import pytest

pytest.importorskip("rclpy", reason="ROS 2 for Python is not installed")

from support.faulty_policies import DRIVEN
from support.processes import run_python
from support.ros_robot import Robot, free_domain

from robovlms_mobile.ros.presence import loopback

slow = pytest.mark.slow
TICK = 0.05  # seconds: publish_rate 20
SLACK = 0.6  # seconds: what a busy machine may add
LATE, TIMEOUT, LIFE = 0.4, 0.5, 0.8  # as in support.ros_robot.PARAMETERS


@pytest.fixture
def robot_of():
    """`robot_of(fault, file, through=None, frame=None, **parameters)` → a robot that drives by a policy that will have
    this fault; `through` wraps the node's command, `frame(robot)` makes the camera's messages."""
    robots = []

    def start(fault, told, through=None, frame=None, reliable=True, **parameters):
        robot = Robot(free_domain(), parameters, reliable)
        robots.append(robot)
        robot.node_process = robot.start(["-m", "support.faulty_policies", fault, told], through)
        assert robot.spin(60, frame and partial(frame, robot), robot.drives), "the robot never drove"
        return robot

    yield start
    for robot in robots:
        robot.close()


def stands_within(robot, since, seconds, frame=None):
    """Whether the last motion came at most `seconds` (and what a busy machine adds) after `since`; zeros still come."""
    count = len(robot.twists)
    robot.spin(1.5, frame)
    zeros = [velocity for _, velocity in robot.twists[count:]]
    assert len(zeros) > 10 and not any(map(any, zeros[-10:])), zeros
    taken = robot.last_motion() - since
    print(f"last motion {taken:+.3f} s after the fault, allowed {seconds:.2f} s")
    return taken <= seconds + TICK + SLACK


FAULTS = {  # fault of the policy → (cause, seconds until the robot stands)
    "throws": ("FAILED", 0),
    "NaN": ("NOT_FINITE", 0),
    "infinite": ("NOT_FINITE", 0),
    "out of range": ("OUT_OF_RANGE", 0),
    "wrong shape": ("FAILED", 0),
    "hangs": ("LATE", LATE),
    "hangs with the lock": ("LATE", LATE),
    "not scheduled": ("LATE", LATE),
    "late": ("LATE", LATE),
}


@pytest.mark.parametrize("fault", ["throws", *(pytest.param(each, marks=slow) for each in list(FAULTS)[1:])])
def test_a_policy_at_fault(robot_of, tmp_path, fault):
    cause, seconds = FAULTS[fault]
    robot = robot_of(fault, tmp_path / "told")
    assert robot.twists[-1][1] == pytest.approx((*DRIVEN, 0.0))
    assert robot.spin(20, until=(tmp_path / "told").exists)
    robot.spin(0.2 + seconds)
    assert stands_within(robot, float((tmp_path / "told").read_text()), seconds)
    assert robot.causes[-1] == cause
    if fault in ("throws", "NaN"):
        assert robot.call("reset").success  # and the policy is asked once more, and fails once more
        assert not robot.spin(1, until=robot.drives)


@slow
def test_a_policy_that_is_killed_ends_the_node_with_zero(robot_of, tmp_path):
    robot = robot_of("killed", tmp_path / "told")
    assert robot.spin(20, until=lambda: robot.node_process.poll() is not None)
    assert robot.node_process.returncode == 1
    assert not any(robot.twists[-1][1])
    assert robot.last_motion() - float((tmp_path / "told").read_text()) <= TICK + SLACK


def jpeg(robot, whole=True):
    from PIL import Image as Pictures
    from sensor_msgs.msg import CompressedImage

    target = io.BytesIO()
    Pictures.frombytes("RGB", (32, 24), robot.rng.bytes(3 * 24 * 32)).save(target, "JPEG")
    message = CompressedImage(format="rgb8; jpeg compressed bgr8")
    message.data = target.getvalue() if whole else target.getvalue()[:-200]
    robot.stamp(message)
    return message


CAMERA = {
    "dies": ("NO_FRAME", TIMEOUT, lambda robot: None),
    "freezes": ("SAME_FRAME", 4 * TICK, lambda robot: robot.image(bytes(3 * 24 * 32))),
    "lags": ("OLD_FRAME", 2 * TICK, lambda robot: robot.image(late=0.9)),
    "is ahead": ("OLD_FRAME", 2 * TICK, lambda robot: robot.image(late=-0.9)),
    "sends too little": ("BAD_FRAME", 0.3, lambda robot: robot.image(robot.rng.bytes(100))),
    "sends another encoding": ("BAD_FRAME", 0.3, lambda robot: robot.image(encoding="yuv422_yuy2")),
}


@slow
@pytest.mark.parametrize("what", CAMERA)
def test_a_camera_at_fault_and_whole_again(robot_of, tmp_path, what):
    cause, seconds, fault = CAMERA[what]
    robot = robot_of("none", tmp_path / "told")
    began = time.monotonic()
    assert stands_within(robot, began, seconds, lambda: fault(robot))
    assert robot.causes[-1] == cause
    assert robot.spin(5, until=robot.drives), "it goes on when the camera is whole again"


@slow
def test_a_compressed_camera_that_is_cut_off(robot_of, tmp_path):
    robot = robot_of("none", tmp_path / "told", frame=jpeg, transport="compressed")
    assert stands_within(robot, time.monotonic(), 0.3, lambda: jpeg(robot, whole=False))
    assert robot.causes[-1] == "BAD_FRAME"


@slow
@pytest.mark.parametrize("reliable", [True, False])
def test_a_camera_is_heard_as_reliably_as_it_sends(robot_of, tmp_path, reliable):
    robot = robot_of("none", tmp_path / "told", reliable=reliable)
    robot.spin(2)  # it looks again each second
    (heard,) = robot.node.get_subscriptions_info_by_topic("/camera/image_raw")
    assert heard.qos_profile.reliability.name == ("RELIABLE" if reliable else "BEST_EFFORT")
    assert robot.spin(5, until=robot.drives)


@slow
def test_a_camera_of_the_other_kind_is_told(tmp_path):
    robot = Robot(free_domain())
    robot.parameters["transport"] = "compressed"
    said = "/camera/image_raw is sensor_msgs/msg/Image, expected sensor_msgs/msg/CompressedImage: see transport"
    try:
        robot.start(["-m", "support.faulty_policies", "none", tmp_path / "told"])
        assert robot.spin(30, until=lambda: any(said in each for each in robot.said)), robot.said
        assert not any(any(velocity) for _, velocity in robot.twists)
    finally:
        robot.close()


@slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_with_zero(robot_of, tmp_path, number):
    robot = robot_of("none", tmp_path / "told")
    began = time.monotonic()
    robot.node_process.send_signal(number)
    assert robot.spin(20, until=lambda: robot.node_process.poll() is not None)
    assert robot.node_process.returncode == 0
    assert not any(robot.twists[-1][1])
    assert robot.last_motion() - began <= 2 * TICK + SLACK


LAUNCHER = "import subprocess, sys, time; print(subprocess.Popen(sys.argv[1:]).pid, flush=True); time.sleep(600)"


@slow
def test_a_parent_that_is_killed_ends_with_zero(robot_of, tmp_path):
    robot = robot_of("none", tmp_path / "told", through=lambda words: [sys.executable, "-c", LAUNCHER, *words])
    node = int(robot.node_process.stdout.readline())
    children = subprocess.run(["pgrep", "-P", str(node)], capture_output=True, text=True).stdout.split()
    began = time.monotonic()
    robot.node_process.kill()
    assert robot.spin(20, until=lambda: not any(map(is_running, [node, *children]))), "node and policy end"
    assert not any(robot.twists[-1][1])
    assert robot.last_motion() - began <= 2 * TICK + SLACK
    assert children


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as state:
            return state.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@slow
def test_the_policy_ends_with_a_node_that_is_killed(robot_of, tmp_path):
    """The node itself cannot say zero then: the base's own watchdog must."""
    robot = robot_of("hangs", tmp_path / "told")
    children = subprocess.run(["pgrep", "-P", str(robot.node_process.pid)], capture_output=True, text=True)
    robot.node_process.kill()
    assert children.stdout.split()
    robot.spin(5, until=lambda: not any(map(is_running, children.stdout.split())))
    assert not any(map(is_running, children.stdout.split()))


@slow
def test_stop_reset_and_instructions(robot_of, tmp_path):
    from std_msgs.msg import String

    robot = robot_of("none", tmp_path / "told")
    assert robot.call("stop").success
    assert stands_within(robot, time.monotonic(), 0)
    assert "stopped by hand" in robot.call("reset").message
    assert robot.spin(5, until=robot.drives)
    robot.instructions.publish(String(data="Fly to the moon."))
    assert stands_within(robot, time.monotonic(), 0)
    assert robot.causes[-1] == "REFUSED"
    robot.instructions.publish(String(data="Drive to the other cup."))
    assert robot.spin(5, until=robot.drives)
    robot.instructions.publish(String(data=""))
    assert stands_within(robot, time.monotonic(), 0)
    assert robot.causes[-1] == "NO_INSTRUCTION"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("raet:=2.0", "ROS parameters: unknown key 'raet' (did you mean 'rate'?)"),
        ("timeout:=0.0", "timeout is 0.0, expected seconds from 0.02 to 60"),
        ("rate=2.0", "ROS does not understand --ros-args -p rate=2.0"),
        ("rate:=2.0", "nowhere"),
    ],
)
def test_what_cannot_drive_does_not_start_and_says_why(tmp_path, given, said):
    environ = {**loopback(), "ROS_DOMAIN_ID": free_domain()}
    done = run_python(["-m", "robovlms_mobile", "ros", "nowhere", "--ros-args", "-p", given], tmp_path, environ)
    assert done.returncode == 1 and said in done.stderr and "Traceback" not in done.stderr
