"""The synthetic room as a ROS 2 robot: a camera and wheels, one room after the other, each drive judged."""

import io
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import Twist
from PIL import Image as Pictures
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String
from std_srvs.srv import Trigger

from robovlms_mobile.errors import MobileError
from robovlms_mobile.evaluation.rollout import rates
from robovlms_mobile.ros.presence import loopback
from robovlms_mobile.ros.simulated_base import PARTS, SimulatedBase
from robovlms_mobile.simulation.recordings import instruction
from robovlms_mobile.simulation.room import Drive, Verdict, room

TOPIC = "/camera/image_raw"
LISTENED = 5.0  # seconds for a service to answer


@dataclass(frozen=True)
class Rooms:
    """Which rooms, and how they are driven: see `simulated_base`."""

    worlds: int
    seed: int
    steps: int
    period: float
    wait: float


class SimNode(Node):
    """Camera, wheels and what tells a policy node to begin."""

    def __init__(self) -> None:
        super().__init__("room")
        self._raw = self.create_publisher(Image, TOPIC, 1)
        self._compressed = self.create_publisher(CompressedImage, f"{TOPIC}/compressed", 1)
        self._instruction = self.create_publisher(String, "/instruction", 1)
        self._reset = self.create_client(Trigger, "/robovlms_mobile/reset")
        self.create_subscription(Twist, "/cmd_vel", self._take, 10)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._hear, 10)
        self.base: SimulatedBase | None = None
        self._causes, self._moves = list[str](), False

    def spin(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Take what comes for some time, or until something holds. Returns whether it does."""
        end = time.monotonic() + seconds
        while not until() and (left := end - time.monotonic()) > 0:
            rclpy.spin_once(self, timeout_sec=min(left, 0.1))
        return until()

    def wait(self, seconds: float) -> None:
        """Wait for a policy node. Raises MobileError where none comes."""
        if not self.spin(seconds, lambda: self._reset.service_is_ready() and self._seen()):
            domain = os.environ.get("ROS_DOMAIN_ID", "0")
            raise MobileError(
                f"No policy node has come in {seconds:g} s: nothing listens to {TOPIC} on domain {domain}.",
                f"Start one: ROS_DOMAIN_ID={domain} robovlms-mobile ros ADAPTERS",
            )

    def drive(self, index: int, rooms: Rooms) -> dict:
        """Let the policy node drive through one room. Returns what came of it, for JSON."""
        world = room(rooms.seed, index)
        told = instruction(world, index)
        self._begin(told)
        self.base = SimulatedBase(Drive(world, (rooms.seed, index)), rooms.period, rooms.steps)
        self._causes, self._moves, going, due = [], False, True, time.monotonic()
        while going:
            self._show(self.base.drive.frame())
            due += rooms.period / PARTS
            self.spin(due - time.monotonic())
            going = self.base.move()
        verdict, base, self.base = self.base.verdict(), self.base, None
        found = {"room": index, "scenario": world.scenario, "instruction": told, **asdict(verdict)}
        where = [float(each) for each in base.drive.path[-1]]
        return {**found, "reason": reason(verdict), "end": where, "stops": self._causes, "watchdog": base.caught}

    def _begin(self, told):
        """Tell the policy node what to do, and that an episode begins."""
        self._instruction.publish(String(data=told))
        answer = self._reset.call_async(Trigger.Request())
        if not self.spin(LISTENED, answer.done):
            raise MobileError(f"The policy node has not answered for {LISTENED:g} s.", "Look at what it prints.")

    def _seen(self):
        """Whether a policy node sees, hears and drives: ROS finds these one after the other."""
        seeing = self._raw.get_subscription_count() + self._compressed.get_subscription_count()
        return bool(seeing and self._instruction.get_subscription_count() and self.count_publishers("/cmd_vel"))

    def _show(self, pixels):
        """Publish (H, W, 3) uint8 RGB to whoever listens."""
        height, width, _ = pixels.shape
        stamp = self.get_clock().now().to_msg()
        if self._raw.get_subscription_count():
            message = Image(height=height, width=width, encoding="rgb8", step=3 * width)
            message.header.stamp, message.data = stamp, pixels.tobytes()
            self._raw.publish(message)
        if self._compressed.get_subscription_count():
            target = io.BytesIO()
            Pictures.fromarray(pixels).save(target, "JPEG", quality=90)
            small = CompressedImage(format="jpeg")
            small.header.stamp, small.data = stamp, target.getvalue()
            self._compressed.publish(small)

    def _take(self, twist):
        if self.base:
            self.base.command(twist.linear.x, twist.linear.y)
            self._moves = self._moves or bool(twist.linear.x or twist.linear.y)

    def _hear(self, message):
        """Remember each cause for which the policy node stood after it had begun to drive, in turn."""
        for status in message.status:
            cause = next((each.value for each in status.values if each.key == "cause"), "")
            if self._moves and cause and self._causes[-1:] != [cause]:
                self._causes.append(cause)


def reason(verdict: Verdict) -> str:
    """Return in words how a drive ended."""
    if verdict.parked:
        return "parked at the cup"
    if verdict.collision:
        return "touched a box or the cup"
    if verdict.wrong_side:
        return "passed on the wrong side"
    return "came to the cup, and did not stay" if verdict.success else "did not come to the cup"


def run(rooms: Rooms, each: Callable[[dict], None]) -> dict:
    """Drive through all rooms, on the loopback interface alone.

    Args:
        each: is given what came of a room, as soon as it is over.

    Returns:
        rates as `evaluation.rollout.rates` gives them, "settings" and "rooms", for JSON.

    Raises:
        MobileError: no policy node, or one that does not answer.
    """
    os.environ.update(loopback())
    rclpy.init()
    node, found = SimNode(), []
    try:
        node.wait(rooms.wait)
        for index in range(rooms.worlds):
            found.append(node.drive(index, rooms))
            each(found[-1])
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
    verdicts = [Verdict(*(row[name] for name in ("success", "parked", "collision", "wrong_side"))) for row in found]
    return {"settings": asdict(rooms), "overall": rates(verdicts), "rooms": found}
