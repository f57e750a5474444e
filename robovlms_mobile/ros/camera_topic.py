"""The camera's topic, heard as reliably as it is sent."""

from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from sensor_msgs.msg import CompressedImage, Image


class CameraTopic:
    """Listens to images, the newest one only.

    Who asks for reliability does not hear a camera that offers none; who asks for none loses most images of a megabyte
    and more. So it listens once somebody sends, and asks for what all who send offer.

    Args:
        compressed: CompressedImage instead of Image.
        see: called with each message.
    """

    def __init__(self, node: Node, topic: str, compressed: bool, see: Callable[[Any], None]):
        self._node, self._topic, self._see = node, topic, see
        self._kind = CompressedImage if compressed else Image
        self._subscription: Subscription | None = None
        self._reliability: ReliabilityPolicy | None = None

    def attune(self) -> None:
        """Listen as reliably as images are sent now; call it again and again, as a camera may come later."""
        offered = {each.qos_profile.reliability for each in self._senders()}
        reliable = offered == {ReliabilityPolicy.RELIABLE}
        wanted = ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT
        if not offered or wanted == self._reliability:
            return
        if self._subscription:
            self._node.destroy_subscription(self._subscription)
        profile = QoSProfile(depth=1, reliability=wanted)
        self._subscription = self._node.create_subscription(self._kind, self._topic, self._see, profile)
        self._reliability = wanted

    def hint(self) -> str:
        """Return what may be wrong where no image comes."""
        kinds = {each.topic_type for each in self._senders()}
        wanted = f"sensor_msgs/msg/{self._kind.__name__}"
        if not kinds:
            return f"nobody publishes {self._topic}"
        return (
            "" if wanted in kinds else f"{self._topic} is {', '.join(sorted(kinds))}, expected {wanted}: see transport"
        )

    def _senders(self):
        return self._node.get_publishers_info_by_topic(self._topic)
