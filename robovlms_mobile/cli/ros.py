"""`robovlms-mobile ros`: a robot over ROS 2, driven by an adapter folder."""

import argparse
from functools import partial

HELP = "drive a robot over ROS 2: camera in, /cmd_vel out, zero when in doubt"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("adapters", metavar="ADAPTERS", help="an adapter folder, or one that export --merge wrote")
    parser.add_argument("--base", metavar="DIR", help="the base model (default: the folder the adapters name)")
    parser.add_argument("--root", metavar="DIR", help="the checkout (default: ROBOVLMS_ROOT, else ./RoboVLMs)")
    parser.add_argument("--unverified", action="store_true", help="do not replay the golden frames first")
    parser.add_argument(
        "--ros-args", nargs=argparse.REMAINDER, default=[], help="the rest is ROS's: -p NAME:=VALUE, --params-file F"
    )


def run(args: argparse.Namespace) -> int:
    """Drive until a signal. Returns 0, or 1 where the policy's process ended by itself."""
    from robovlms_mobile.ros.presence import require_ros

    require_ros()
    from robovlms_mobile.ros.node import run
    from robovlms_mobile.ros.real_policy import load

    make = partial(load, args.adapters, args.base, args.root, unverified=args.unverified)
    return run(make, ["--ros-args", *args.ros_args])
