"""`robovlms-mobile summary FOLDER`: what the newest run in a folder achieved, and where it left things."""

import argparse
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from robovlms_mobile.runs import RunSummary

HELP = "show what a run achieved and where its adapters and curves are"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("folder", nargs="?", default="runs/checkpoints", help="a run's folder, or one above it")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print the summary of the newest run. Raises CheckpointError when there is none."""
    from robovlms_mobile.runs import summarise

    summary = summarise(args.folder)
    print(json.dumps(summary.to_json(), indent=2) if args.json else format_summary(summary))
    return 0


def format_summary(summary: "RunSummary") -> str:
    """Return the summary as text, a line a fact."""
    lines = [f"run         {summary.folder}", f"epochs      {summary.epochs}"]
    for name in ("train_loss", "val_loss"):
        if summary.final[name] is not None:
            lines.append(f"{name:<11} {summary.first[name]:.4f} → {summary.final[name]:.4f}")
    if summary.best:
        best = summary.best
        lines.append(f"best        epoch {best['epoch'] + 1}, {best['monitor']} {best['score']:.4f}")
    kind = "adapters" if summary.lora else "trained"
    lines += [f"{kind:<11} {summary.folder}/{name} ({size / 1e6:.1f} MB)" for name, size in summary.adapters.items()]
    lines += [] if summary.lora else ["            a run without LoRA: policy.safetensors only, no adapters"]
    lines += [f"resume      {summary.folder}/last.ckpt", f"picture     {summary.picture or 'none (no matplotlib)'}"]
    return "\n".join(lines)
