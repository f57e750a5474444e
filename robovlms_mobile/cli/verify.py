"""`robovlms-mobile verify`: is this folder the policy that was trained?"""

import argparse
import json

HELP = "replay an adapter folder's golden frames, and say what differs from what was recorded"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("adapters", metavar="ADAPTERS", help="an adapter folder, or with --write a run's folder")
    parser.add_argument("--write", action="store_true", help="write golden frames; needs the run and its episodes")
    parser.add_argument("--merged", metavar="DIR", help="verify what export --merge wrote of these adapters")
    parser.add_argument("--device", help="cpu, cuda, cuda:1 (default: the GPU where there is one)")
    parser.add_argument("--dtype", choices=("fp32", "bf16", "fp16", "int8"), help="of the weights (default fp32)")
    parser.add_argument("--base", metavar="DIR", help="the base model's folder (default: where it was trained from)")
    parser.add_argument("--root", metavar="DIR", help="the checkout (default: ROBOVLMS_ROOT, else ./RoboVLMs)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print what differs. Returns 0 for the same policy, else 1."""
    from robovlms_mobile.policy.verification import describe, verify

    loading = {name: getattr(args, name) for name in ("device", "dtype", "base", "root")}
    if args.write:
        return _write(args, loading)
    found = verify(args.adapters, merged=args.merged, **loading)
    print(json.dumps(found.to_json(), indent=1) if args.json else describe(found))
    return int(not found.same)


def _write(args, loading):
    from robovlms_mobile.evaluation.golden_frames import write_frames

    done = write_frames(args.adapters, **loading)
    if args.json:
        told = {"episode": done.episode, "bytes": done.bytes, "from_training": done.from_training}
        print(json.dumps({"folder": str(done.folder), **told}, indent=1))
    else:
        off = "" if done.from_training is None else f", {done.from_training:.1e} m/s from what training predicted"
        print(f"written     {done.folder}: golden frames of {done.episode}, {done.bytes / 1e6:.1f} MB{off}")
    return 0
