"""`robovlms-mobile export RUN --to DIR`: adapters for PEFT, or a base model with the adapters merged in."""

import argparse
import json
from typing import TYPE_CHECKING

from robovlms_mobile.errors import CheckoutError, CheckpointError, DataError, ModelError

if TYPE_CHECKING:
    from robovlms_mobile.adapters.export import Export

HELP = "write a run's adapters to a folder, for PEFT or merged into the base model"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("run_folder", metavar="RUN", help="a run's folder, or an adapter folder")
    parser.add_argument("--to", required=True, metavar="DIR", help="folder to write; absent or empty")
    parser.add_argument("--which", metavar="NAME", help="best (default), last, epoch-0010, … of the run")
    parser.add_argument("--base", metavar="PATH", help="the base model's folder, if not where the run had it")
    parser.add_argument("--merge", action="store_true", help="write the whole model, adapters merged in, and prove it")
    parser.add_argument("--dtype", choices=("fp32", "fp16", "bf16"), help="precision; default: as it is")
    parser.add_argument("--force", action="store_true", help="replace an earlier export")
    parser.add_argument("--root", metavar="DIR", help="the checkout (default: ROBOVLMS_ROOT, else ./RoboVLMs)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print what was written. Raises CheckpointError or ModelError when nothing was."""
    from robovlms_mobile.adapters.export import export
    from robovlms_mobile.launch.noise import quiet_libraries

    with quiet_libraries():
        done = export(
            args.run_folder,
            args.to,
            which=args.which,
            base=args.base,
            merge=args.merge,
            dtype=args.dtype,
            force=args.force,
        )
    found, note = _verified(args)
    if args.json:
        told = {"verification": found.to_json() if found else None, "not_verified": note}
        print(json.dumps({**done.to_json(), **told}, indent=2))
    else:
        from robovlms_mobile.policy.verification import describe

        print(format_export(done))
        print(describe(found) if found else f"verified    {note}")
    return int(found is not None and not found.same)


def _verified(args):
    """Return (a `Verification` of what was written, by the golden frames of what was exported, or None; why not)."""
    from robovlms_mobile.adapters.export import adapter_folder
    from robovlms_mobile.evaluation.golden_frames import write_frames
    from robovlms_mobile.policy.golden import has_golden
    from robovlms_mobile.policy.verification import carry_over

    source, where = adapter_folder(args.run_folder, args.which), {"base": args.base, "root": args.root}
    try:
        if not has_golden(source):
            write_frames(args.run_folder, args.which, **where)
        return carry_over(source, args.to, **where), None
    except (CheckoutError, ModelError, CheckpointError, DataError) as error:  # no checkout, base, run or episodes here
        return None, f"no: {error}"


def format_export(done: "Export") -> str:
    """Return the export as text, a line a fact."""
    kind = "base model with adapters merged in" if done.merged else "adapters for PEFT"
    lines = [f"written     {done.to} ({kind}, {done.dtype}, {done.bytes / 1e6:.1f} MB)"]
    if done.probe:
        probe = done.probe
        lines.append(
            f"proof       outputs differ by {probe['difference']:.1e} of the largest from base model + adapters "
            f"(allowed {probe['tolerance']:.0e}); {probe['reached']} of {probe['adapted']} adapted layers ran"
        )
        lines.append(f"effect      adapters change the outputs by {probe['effect']:.1e}")
    return "\n".join(lines)
