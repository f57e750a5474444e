"""Read topics of rosbag2 files, mcap or sqlite3, with the package rosbags: times first, pictures one by one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from struct import error as StructError
from typing import Any

import numpy as np

from robovlms_mobile.errors import DataError, MobileError

IMAGES = {"sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"}
COMMANDS = {"geometry_msgs/msg/Twist", "geometry_msgs/msg/TwistStamped"}
FILES = (".mcap", ".db3")
YAML = "metadata.yaml"


def bags_in(source: Path) -> list[Path]:
    """Return the bags at `source`: itself, or each folder or file of one in it, by name.

    Raises:
        DataError: there is none.
    """
    if source.suffix in FILES and source.is_file():
        return [source]
    if (source / YAML).is_file():
        return [source]
    inside = sorted(source.iterdir()) if source.is_dir() else []
    found = [each for each in inside if (each / YAML).is_file() or (each.suffix in FILES and each.is_file())]
    if not found:
        raise DataError(f"{source} holds no rosbag2: no {YAML}, no {' and no '.join(FILES)} file.")
    return found


@contextmanager
def opened_bag(path: Path) -> Iterator[Any]:
    """Yield rosbags' reader of a bag.

    Raises:
        MobileError: rosbags is missing. DataError: the bag cannot be read.
    """
    try:
        from rosbags.highlevel import AnyReader
        from rosbags.typesys import Stores, get_typestore
    except ImportError as error:
        raise MobileError(
            f"The package rosbags cannot be imported ({error}).", "Install it: pip install 'robovlms-mobile[rosbag]'"
        ) from error
    try:
        reader = AnyReader([path], default_typestore=get_typestore(Stores.ROS2_HUMBLE))
        reader.open()
    except damaged() as error:
        raise DataError(f"{path} cannot be read ({_reason(error)}).") from error
    try:
        yield reader
    finally:
        reader.close()


def topic(reader: Any, wanted: str | None, kinds: set[str], option: str) -> Any:
    """Return the connections of the one topic of some kinds, or of the one that is wanted.

    Raises:
        DataError: no such topic, or several: says which there are.
    """
    seen = {}
    for connection in reader.connections:
        if connection.msgtype in kinds:
            seen.setdefault(connection.topic, []).append(connection)
    if wanted is None and len(seen) == 1:
        return next(iter(seen.values()))
    if wanted in seen:
        return seen[wanted]
    there = ", ".join(sorted(f"{each.topic} ({each.msgtype})" for each in reader.connections)) or "none"
    what = f"no {wanted}" if wanted else f"{len(seen) or 'no'} topics"
    kind = " or ".join(sorted(kinds))
    raise DataError(f"{reader.paths[0]} has {what} of {kind}. It has: {there}.", f"Name one: {option} TOPIC")


def times(reader: Any, connections: Sequence) -> np.ndarray:
    """(n,) float64 seconds, ascending: when the bag's recorder received each message."""
    return np.array([stamp for _, stamp, _ in _messages(reader, connections, set())], np.int64) / 1e9


def velocities(reader: Any, connections: Sequence) -> np.ndarray:
    """(n, 3) float32 linear_x, linear_y, angular_z of each Twist or TwistStamped, in the order of their times."""
    twists = [getattr(message, "twist", message) for _, _, message in _messages(reader, connections)]
    found = [(twist.linear.x, twist.linear.y, twist.angular.z) for twist in twists]
    return np.array(found, np.float32).reshape(-1, 3)


def pictures(reader: Any, connections: Sequence, wanted: Sequence[int]) -> Iterator[np.ndarray]:
    """Yield (H, W, 3) uint8 RGB of the wanted messages, by ascending number.

    Raises:
        DataError: an encoding that is none of rgb8, bgr8, mono8, jpeg and png; a damaged picture.
    """
    from robovlms_mobile.errors import PolicyError
    from robovlms_mobile.policy.camera_input import picture
    from robovlms_mobile.ros.camera_messages import frame_of

    for number, _, message in _messages(reader, connections, set(wanted)):
        if message is None:
            continue
        frame = frame_of(message, None, 0.0)
        try:
            yield np.asarray(picture(frame.image, frame.encoding, frame.height, frame.width))
        except PolicyError as error:
            raise DataError(f"{reader.paths[0]}, {connections[0].topic}, message {number}: {error}") from error


def damaged() -> tuple[type[Exception], ...]:
    """Return what reading a damaged bag raises: the package and its SQLite say what they know, the rest falls over."""
    from apsw import Error
    from rosbags.highlevel import AnyReaderError
    from rosbags.rosbag2 import ReaderError
    from rosbags.serde import SerdeError

    fallen = (ArithmeticError, AssertionError, LookupError, MemoryError, OSError, TypeError, ValueError, StructError)
    return (AnyReaderError, ReaderError, SerdeError, Error, *fallen)


def _messages(reader: Any, connections: Sequence, wanted: set[int] | None = None) -> Iterator[tuple[int, int, Any]]:
    """Yield (number, nanoseconds, message) of some connections; of those that are not wanted None for the message."""
    try:
        for number, (connection, stamp, raw) in enumerate(reader.messages(connections)):
            asked = wanted is None or number in wanted
            yield number, stamp, reader.deserialize(raw, connection.msgtype) if asked else None
    except damaged() as error:
        raise DataError(f"{reader.paths[0]} is damaged ({_reason(error)}).", "Import the others without it.") from error


def _reason(error):
    return f"{type(error).__name__}: {str(error)[:200]}"
