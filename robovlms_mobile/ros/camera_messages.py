"""ROS 2 image messages as frames. Reads attributes: needs no ROS."""

from typing import Any

from robovlms_mobile.encodings import CHANNELS
from robovlms_mobile.ros.exchange import Frame

COMPRESSIONS = {"jpeg": "jpeg", "jpg": "jpeg", "png": "png"}


def frame_of(message: Any, stamp: float | None, age: float) -> Frame:
    """Return the frame of a sensor_msgs/Image or CompressedImage.

    Args:
        message: the message; rows may be padded.
        stamp, age: see `Frame`.
    """
    if hasattr(message, "format"):
        return Frame(bytes(message.data), _compression(message.format), stamp=stamp, age=age)
    data, used = bytes(message.data), message.width * CHANNELS.get(message.encoding, 0)
    if used and message.step > used and len(data) == message.step * message.height:
        data = b"".join(data[start : start + used] for start in range(0, len(data), message.step))
    return Frame(data, message.encoding, message.height, message.width, stamp, age)


def _compression(text):
    """Return "jpeg" or "png" of a CompressedImage's format: "jpeg", "bgr8; jpeg compressed bgr8", …; else the text."""
    if "Depth" in text:  # a PNG that holds metres
        return text
    return next((kind for name, kind in COMPRESSIONS.items() if name in text.lower()), text)
