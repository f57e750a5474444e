"""A robot over real ROS 2, as a test sees it: a camera to be tampered with, and the Twists that come, with times."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from filelock import FileLock, Timeout
from geometry_msgs.msg import Twist
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String
from std_srvs.srv import Trigger

from robovlms_mobile.ros.presence import loopback

SIDE = (24, 32)
PARAMETERS = {
    "instruction": "Drive to the cup.",
    "rate": 5.0,
    "timeout": 0.5,
    "max_age": 0.5,
    "late": 0.4,
    "life": 0.8,
}


_claimed = []


def free_domain():
    """Return a domain id that no other test on this machine has while this process lives."""
    for domain in range(1, 102):
        lock = FileLock(Path(tempfile.gettempdir()) / f"robovlms-mobile-ros-domain-{domain}.lock")
        with contextlib.suppress(Timeout):
            lock.acquire(timeout=0)
            _claimed.append(lock)
            return domain
    raise AssertionError("all domain ids are taken")


class Robot:
    """Camera and wheels on a domain of their own, on the loopback interface alone."""

    def __init__(self, domain, parameters=None, reliable=True):
        self.environ = {**loopback(), "ROS_DOMAIN_ID": str(domain)}
        os.environ.update(self.environ)
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.node = rclpy.create_node("robot", context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.parameters = {**PARAMETERS, **(parameters or {})}
        compressed = self.parameters.get("transport") == "compressed"
        sent = 1 if reliable else qos_profile_sensor_data
        self.camera = self.node.create_publisher(CompressedImage if compressed else Image, "/camera/image_raw", sent)
        self.instructions = self.node.create_publisher(String, "/instruction", 1)
        self.twists, self.causes, self.said = [], [], []
        self.node.create_subscription(Twist, "/cmd_vel", self._move, 10)
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._hear, 10)
        self.rng, self.processes = np.random.default_rng(0), []

    def _move(self, twist):
        self.twists.append((time.monotonic(), (twist.linear.x, twist.linear.y, twist.angular.z)))

    def _hear(self, message):
        (status,) = message.status
        self.said.append(status.message)
        self.causes.append(next(each.value for each in status.values if each.key == "cause"))

    def image(self, data=None, late=0.0, encoding="rgb8"):
        """Return an Image with noise in it, taken `late` seconds ago."""
        message = Image(height=SIDE[0], width=SIDE[1], encoding=encoding, step=3 * SIDE[1])
        message.data = self.rng.bytes(3 * SIDE[0] * SIDE[1]) if data is None else data
        self.stamp(message, late)
        return message

    def stamp(self, message, late=0.0):
        taken = self.node.get_clock().now().nanoseconds - int(1e9 * late)
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(taken, 10**9)

    def start(self, command, through=None):
        """Start a node; `through` wraps the command. It prints less than a pipe holds."""
        given = [text for name, value in self.parameters.items() for text in ("-p", f"{name}:={_yaml(value)}")]
        environ = {**os.environ, **self.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        words = [sys.executable, *map(str, command), "--ros-args", *given]
        process = subprocess.Popen(
            through(words) if through else words,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.processes.append(process)
        return process

    def spin(self, seconds, frame=None, until=None, rate=20.0):
        """Show frames for some time, or until something holds; `frame` returns the message, or None for no frame."""
        end, shown = time.monotonic() + seconds, 0.0
        while time.monotonic() < end:
            if time.monotonic() - shown > 1 / rate:
                shown, message = time.monotonic(), self.image() if frame is None else frame()
                if message is not None:
                    self.camera.publish(message)
            self.executor.spin_once(timeout_sec=0.01)
            if until is not None and until():
                return True
        return until is None

    def drives(self):
        return bool(self.twists) and any(self.twists[-1][1])

    def last_motion(self):
        """Return when the last Twist came that was not zero."""
        return max(at for at, velocity in self.twists if any(velocity))

    def call(self, name):
        client = self.node.create_client(Trigger, f"/robovlms_mobile/{name}")
        assert client.wait_for_service(10)
        future = client.call_async(Trigger.Request())
        self.spin(10, until=future.done)
        return future.result()

    def close(self):
        for process in self.processes:
            process.kill()
            process.communicate()
        self.executor.shutdown()
        self.node.destroy_node()
        self.context.try_shutdown()


def _yaml(value):
    return str(value).lower() if isinstance(value, bool) else value
