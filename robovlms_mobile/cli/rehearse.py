"""`robovlms-mobile rehearse CONFIG`: will this run fit, how long will it take, what would make it fit?"""

import argparse
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from robovlms_mobile.rehearsal.prediction import Try

HELP = "try the beginning of a run on this machine, or predict its memory on another"
GIB = 2**30


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("config", metavar="CONFIG", help="a run's config")
    parser.add_argument(
        "--for", dest="device", metavar="DEVICE", help="predict: 16GB, jetson-orin-16gb, …; else measure"
    )
    parser.add_argument(
        "--size", choices=("full",), help="with --for: Kosmos-2's own size, whatever the base model's folder"
    )
    parser.add_argument("--root", metavar="DIR", help="the checkout (default: ROBOVLMS_ROOT, else ./RoboVLMs)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print what a run needs; status 1 where it does not fit. Raises MobileError for what would stop the run itself."""
    from robovlms_mobile.checkout.location import require_checkout
    from robovlms_mobile.config.load import load_config

    configs, root = load_config(args.config), require_checkout(args.root)
    return _predicted(args, configs, root) if args.device else _measured(args, configs, root)


def _predicted(args, configs, root):
    from robovlms_mobile.rehearsal.prediction import predict

    architecture = None
    if args.size:
        from transformers import Kosmos2Config

        architecture = Kosmos2Config()
    tries = predict(configs, root, args.device, architecture)
    if args.json:
        told = [{"changes": each.changes, "fits": each.fits, **each.counted.to_json()} for each in tries]
        print(json.dumps({"device": args.device, "predicted": told}, indent=2))
    else:
        print(format_predicted(args.device, tries))
    return int(not tries[-1].fits)


def _measured(args, configs, root):
    from robovlms_mobile.rehearsal.measured_run import measure

    found = measure(configs, root)
    print(json.dumps(found, indent=2) if args.json else format_measured(found))
    return 0


def format_predicted(device: str, tries: "list[Try]") -> str:
    """Return what was counted as text: what is needed, and what was tried."""
    first = tries[0].counted
    lines = [
        f"predicted   for {device}, counted on tensors without memory by CUDA's rules; never compared with a card",
        f"always      {_gib(first.weights)} weights, {_gib(first.moments)} AdamW's moments, {_gib(first.gradients)} "
        f"gradients of {first.trained:,} trained parameters",
        f"arithmetic  {first.flops / first.windows / 1e12:.3g} TFLOP a window, forward and backward; a batch is "
        f"{first.windows} windows, {first.frames} frames through the model",
    ]
    for each in tries:
        what = ", ".join(f'"{key}": {json.dumps(value)}' for key, value in each.changes.items()) or "as it is"
        phases = ", ".join(f"{name} {_gib(size)}" for name, size in each.counted.phases.items())
        lines.append(
            f"{'fits' if each.fits else 'too much':<11} {_gib(each.counted.peak)} at the peak ({phases}): {what}"
        )
    if not tries[-1].fits:
        lines.append("            nothing more to try: take a smaller base model or another device")
    return "\n".join(lines)


def format_measured(found: dict) -> str:
    """Return what was measured as text, a line a phase."""
    lines = []
    for name, each in found["phases"].items():
        peak = "memory unknown" if each["peak"] is None else f"{_gib(each['peak'])} at the peak"
        held = f", {_gib(each['reserved'])} held by the allocator" if each["reserved"] else ""
        lines.append(f"{name:<11} {each['seconds']:.1f} s, {peak}{held}")
    lines.append(
        f"whole run   {found['hours']:.1f} h at the pace of the second step, {found['disk_bytes'] / 1e6:.0f} MB of disk"
    )
    return "\n".join(lines)


def _gib(size):
    return f"{size / GIB:.2f} GiB"
