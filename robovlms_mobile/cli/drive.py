"""`robovlms-mobile drive`: a trained policy in synthetic rooms it has never seen, beside what it has to beat."""

import argparse
import json
from pathlib import Path

HELP = "drive a trained policy through synthetic rooms and count how it ends, beside baselines"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument(
        "policy", metavar="RUN|ADAPTERS", help="a run's folder, one of its adapter folders, or runs: the newest"
    )
    parser.add_argument("--worlds", type=int, default=48, metavar="N", help="rooms (default 48)")
    parser.add_argument("--seed", type=int, default=90001, metavar="S", help="of the rooms (default 90001)")
    parser.add_argument("--steps", type=int, default=30, metavar="N", help="camera frames a drive (default 30)")
    parser.add_argument("--execute", type=int, default=1, metavar="N", help="actions of a chunk to drive (default 1)")
    parser.add_argument("--snap", action="store_true", help="drive the nearest of the nine keys")
    parser.add_argument("--harder", action="store_true", help="also dim light, noise, delays and other edge cases")
    parser.add_argument("--out", metavar="DIR", help="for eval_info.json, drives.png, drive.gif (default RUN/drive)")
    parser.add_argument("--root", metavar="DIR", help="the checkout (default: ROBOVLMS_ROOT, else ./RoboVLMs)")
    parser.add_argument("--json", action="store_true", help="print eval_info.json instead of the table")


def run(args: argparse.Namespace) -> int:
    """Drive, write and print. Returns 0."""
    from robovlms_mobile.checkout.location import require_checkout
    from robovlms_mobile.evaluation import drive_pictures as pictures
    from robovlms_mobile.evaluation.driving import drive, table, write_info
    from robovlms_mobile.evaluation.run_data import episodes_of
    from robovlms_mobile.evaluation.trained import TrainedPolicy

    policy = TrainedPolicy(args.policy, require_checkout(args.root))
    train, _ = episodes_of(policy.configs, policy.run)
    options = {name: getattr(args, name) for name in ("worlds", "seed", "steps", "execute", "snap")}
    info, drives = drive(policy, train, args.harder, **options)
    out = Path(args.out) if args.out else policy.run / "drive"
    path = write_info(info, out)
    sheet = pictures.sheet(drives.drives, drives.verdicts, out / "drives.png")
    shown = max(range(len(drives.verdicts)), key=lambda number: drives.verdicts[number].parked)
    film = pictures.film(drives.drives[shown], drives.instructions[shown], out / "drive.gif")
    if args.json:
        print(json.dumps(info))
    else:
        print(f"{args.worlds} rooms of seed {args.seed}, {args.steps} steps; 95 % intervals\n{table(info)}")
        print("\n".join(f"{name:<9} {where}" for name, where in (("figures", path), ("paths", sheet), ("film", film))))
    return 0
