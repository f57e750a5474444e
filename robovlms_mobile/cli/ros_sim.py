"""`robovlms-mobile ros-sim`: the synthetic room as a ROS 2 robot, for a policy node to drive."""

import argparse
import json

HELP = "the synthetic room as a ROS 2 robot on the loopback interface: camera, /cmd_vel, and a verdict"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("--worlds", type=int, default=1, metavar="N", help="rooms, one after the other (default 1)")
    parser.add_argument("--seed", type=int, default=90001, metavar="S", help="of the rooms (default 90001)")
    parser.add_argument("--steps", type=int, default=30, metavar="N", help="steps a drive lasts (default 30)")
    parser.add_argument(
        "--period",
        type=float,
        default=0.5,
        metavar="S",
        help="seconds a step lasts: longer for a slow policy (default 0.5, for a node with rate:=2.0)",
    )
    parser.add_argument("--wait", type=float, default=120, metavar="S", help="for the policy node (default 120)")
    parser.add_argument("--json", action="store_true", help="print all results as JSON")


def run(args: argparse.Namespace) -> int:
    """Drive and print. Returns 0."""
    from robovlms_mobile.ros.presence import require_ros

    require_ros()
    from robovlms_mobile.ros.sim_node import Rooms, run

    def tell(row):
        if not args.json:
            stops = f" (stood: {', '.join(row['stops'])})" if row["stops"] else ""
            print(f"room {row['room']:>2}  {row['scenario']:<16} {row['reason']}{stops}", flush=True)

    found = run(Rooms(**{name: getattr(args, name) for name in ("worlds", "seed", "steps", "period", "wait")}), tell)
    overall = found["overall"]
    if args.json:
        print(json.dumps(found))
    else:
        low, high = overall["pc_parked_ci95"]
        print(f"{args.worlds} rooms of seed {args.seed}: parked {overall['pc_parked']:.0f} % ({low:.0f}–{high:.0f})")
    return 0
