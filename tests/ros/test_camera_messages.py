"""Images as ROS 2 sends them become frames; messages are plain objects here, so that no ROS is needed."""

from types import SimpleNamespace

import numpy as np
import pytest

from robovlms_mobile.errors import PolicyError
from robovlms_mobile.policy.camera_input import picture
from robovlms_mobile.ros.camera_messages import frame_of

PIXELS = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)


def image(pixels, encoding, padding=0):
    """Return what sensor_msgs/Image holds; rows are followed by `padding` bytes."""
    height, width = pixels.shape[:2]
    rows = pixels.reshape(height, -1)
    data = np.pad(rows, ((0, 0), (0, padding)), constant_values=77).tobytes()
    return SimpleNamespace(height=height, width=width, encoding=encoding, step=rows.shape[1] + padding, data=data)


def seen(message):
    frame = frame_of(message, 1.5, 0.1)
    assert (frame.stamp, frame.age) == (1.5, 0.1)
    return np.asarray(picture(frame.image, frame.encoding, frame.height, frame.width))


@pytest.mark.parametrize("padding", [0, 1, 14])
def test_colours_and_rows_are_those_of_the_camera(padding):
    assert (seen(image(PIXELS, "rgb8", padding)) == PIXELS).all()
    assert (seen(image(PIXELS[..., ::-1], "bgr8", padding)) == PIXELS).all()
    assert (seen(image(PIXELS[..., :1], "mono8", padding)) == PIXELS[..., :1]).all()


@pytest.mark.parametrize("encoding", ["yuv422_yuy2", "bgra8", "16UC1", ""])
def test_another_encoding_is_refused(encoding):
    with pytest.raises(PolicyError):
        seen(image(PIXELS, encoding))


def test_too_few_bytes_are_refused():
    message = image(PIXELS, "rgb8")
    message.data = message.data[:-1]
    with pytest.raises(PolicyError):
        seen(message)


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ("jpeg", "jpeg"),
        ("jpg", "jpeg"),
        ("bgr8; jpeg compressed bgr8", "jpeg"),
        ("rgb8; png compressed bgr8", "png"),
        ("16UC1; compressedDepth png", "16UC1; compressedDepth png"),
        ("h264", "h264"),
    ],
)
def test_a_compression_is_known_by_its_name(told, kind):
    frame = frame_of(SimpleNamespace(format=told, data=b"bytes"), None, 0.0)
    assert (frame.encoding, frame.image, frame.height) == (kind, b"bytes", None)
