"""The ROS 2 node: camera in, Twist out. Everything it decides is decided by `guard`."""

import os
import signal
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import Twist
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from std_msgs.msg import String
from std_srvs.srv import Trigger

from robovlms_mobile.data.names import check_keys
from robovlms_mobile.errors import ConfigError
from robovlms_mobile.ros.camera_messages import frame_of
from robovlms_mobile.ros.camera_topic import CameraTopic
from robovlms_mobile.ros.guard import Cause, Guard, Stop
from robovlms_mobile.ros.node_parameters import Parameters
from robovlms_mobile.ros.pilot import Pilot
from robovlms_mobile.ros.policy_process import PolicyProcess

NAME = "robovlms_mobile"
LAST = 3  # zero Twists when the node ends
LOOKED = 0.2  # seconds between two looks for a camera
TOLD = 1.0  # seconds between two diagnostics
ROS_OWN = ("use_sim_time", "start_type_description_service")  # parameters of every node
LEVELS = {None: DiagnosticStatus.OK, False: DiagnosticStatus.WARN, True: DiagnosticStatus.ERROR}  # by `latched`


class PolicyNode(Node):
    """A robot's policy as a node.

    Attributes:
        parameters: what `--ros-args` and parameter files say; read once.
    """

    def __init__(self) -> None:
        super().__init__(NAME)
        fixed = ParameterDescriptor(read_only=True, dynamic_typing=True)
        known = vars(Parameters())
        check_keys([name for name in self._parameter_overrides if name not in ROS_OWN], known, "ROS parameters")
        self.parameters = Parameters.of(
            {name: self.declare_parameter(name, default, fixed).value for name, default in known.items()}
        )
        self._parent = os.getppid()
        self._told: Stop | None = Stop(Cause.OVER)  # anything but what it is at the start

    def begin(self, policy: PolicyProcess) -> Guard:
        """Listen and publish from now on. Returns what decides."""
        given = self.parameters
        self.guard = Guard(given.rules(policy.facts), given.limits, policy.facts)
        self.guard.instruct(given.instruction)
        self._answered = self.create_guard_condition(self._tick)
        self._pilot = Pilot(self.guard, policy.ask, self._wake)
        self._wheels = self.create_publisher(Twist, given.cmd_topic, 1)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._camera = CameraTopic(self, given.image_topic, given.transport == "compressed", self._see)
        self.create_subscription(String, "/instruction", self._hear, 10)
        self.create_service(Trigger, "~/stop", partial(self._done, self.guard.stop))
        self.create_service(Trigger, "~/reset", partial(self._done, self.guard.reset))
        self.create_timer(1 / given.publish_rate, self._tick)
        self.create_timer(TOLD, self._diagnose)
        self.create_timer(LOOKED, self._camera.attune)
        shown = "; ".join(f"{name}: {value}" for name, value in policy.facts.shown.items())
        self.get_logger().info(f"{shown}; rate: {1 / self.guard.rules.period:g}")
        return self.guard

    def stand(self) -> None:
        """Publish zero a few times, and give the last one the time to arrive."""
        for _ in range(LAST):
            self._wheels.publish(Twist())
        self._wheels.wait_for_all_acked(Duration(seconds=0.2))
        self._diagnose()

    def _see(self, message):
        taken = message.header.stamp.sec + 1e-9 * message.header.stamp.nanosec
        now = 1e-9 * self.get_clock().now().nanoseconds
        stamp, age = (taken, now - taken) if taken else (None, 0.0)  # a camera without a clock
        self.guard.frame(frame_of(message, stamp, age))
        self._tick()

    def _hear(self, message):
        self.guard.instruct(message.data)
        self._tick()

    def _wake(self):
        if not self.guard.over:  # else the node may be gone before the answer comes
            self._answered.trigger()

    def _tick(self):
        if self.parameters.stop_with_parent and os.getppid() != self._parent:
            self.guard.stop(Cause.OVER, f"the process that started it, {self._parent}, is gone")
        x, y, turn = map(float, self._pilot.tick())
        twist = Twist()
        twist.linear.x, twist.linear.y, twist.angular.z = x, y, turn
        self._wheels.publish(twist)
        found = self.guard.stopped()
        if (found and found.cause) is not (self._told and self._told.cause):
            self._told = found
            if found:
                self.get_logger().warning(f"Standing: {self._sentence(found)}")
            else:  # a line of its own: rclpy refuses one that logs in two severities
                self.get_logger().info("Driving.")
            self._diagnose()

    def _done(self, do: Callable[[], None], request: Any, response: Any) -> Any:
        before = self.guard.stopped()
        do()
        self._tick()
        response.success, response.message = not self.guard.over, f"before: {self._sentence(before)}"
        return response

    def _diagnose(self):
        found, last = self.guard.stopped(), self._pilot.last
        shown = {"cause": found.cause.name if found else "", "instruction": self.guard.instruction}
        shown["infer_ms"] = f"{1000 * last.seconds:.0f}" if last else ""
        status = DiagnosticStatus(name=f"{NAME}: policy", hardware_id=os.uname().nodename)
        status.level, status.message = LEVELS[found and found.cause.latched], self._sentence(found)
        status.values = [KeyValue(key=key, value=value) for key, value in {**shown, **self.guard.facts.shown}.items()]
        message = DiagnosticArray(status=[status])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)

    def _sentence(self, stop):
        """Return a stop in words."""
        if stop is None:
            return "driving"
        hint = self._camera.hint() if stop.cause is Cause.NO_FRAME else ""
        return ": ".join(filter(None, (stop.cause.text, stop.detail, hint)))


def run(make: Callable[[Parameters], Any], ros_args: Sequence[str] = ()) -> int:
    """Run the node until a signal, its parent's end or its policy's ends it; the last it publishes is zero.

    Args:
        make: returns the policy; runs in a process of its own, so it must be possible to pickle.
        ros_args: "--ros-args" and what follows.

    Returns:
        0, or 1 where the policy ended it.

    Raises:
        MobileError: parameters that do not fit, or a policy that does not load.
    """
    try:
        rclpy.init(args=list(ros_args), signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:
        raise ConfigError(f"ROS does not understand {' '.join(ros_args)} ({error}).") from error
    node = PolicyNode()
    print("robovlms-mobile ros: loading the policy", flush=True)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing drives yet
    policy = PolicyProcess(partial(make, node.parameters))
    try:
        guard = node.begin(policy)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda number, _: guard.stop(Cause.OVER, signal.Signals(number).name))
        try:
            while not guard.over:
                rclpy.spin_once(node, timeout_sec=0.1)
        finally:
            node.stand()
        return int(policy.gone)
    finally:
        policy.close()
        node.destroy_node()
        rclpy.shutdown()
