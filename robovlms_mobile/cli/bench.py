"""`robovlms-mobile bench data|checkpoint|policy|step|drive`: figures behind the claims, as ratios in one run."""

import argparse
import json
import sys
from pathlib import Path

HELP = "measure the data path, checkpoints, a policy's steps, and what makes one drive better"
DATA = "measure the data path against the obvious loader"
CHECKPOINT = (
    "measure what a run saves against upstream's checkpoint; the real size takes minutes, 16 GB and 17 GB of disk"
)
POLICY = "measure how long a policy takes to load and to answer, by device and precision"
STEP = (
    "measure a training step beside the same step with all that upstream computes, and what steps of a whole run spend "
    "on waiting for data and in the plugin's callbacks"
)
DRIVE = (
    "train the demo's policy in variants and drive all of them: which head, windows, augmentation; hours of two cores, "
    "and what is finished in --out is not done again"
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add what can be measured."""
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    data = what.add_parser("data", help=DATA, description=DATA)
    data.add_argument("folder", nargs="?", metavar="DIR", help="episodes to read (default: synthetic ones, 720p)")
    data.add_argument("--episodes", type=int, default=8, help="how many files (default 8)")
    data.add_argument("--json", action="store_true", help="print JSON")
    checkpoint = what.add_parser("checkpoint", help=CHECKPOINT, description=CHECKPOINT)
    checkpoint.add_argument("--size", choices=("tiny", "real", "both"), default="both", help="of the base model")
    checkpoint.add_argument(
        "--root", metavar="DIR", help="RoboVLMs checkout (default: $ROBOVLMS_ROOT, then ./RoboVLMs)"
    )
    checkpoint.add_argument("--json", action="store_true", help="print JSON")
    policy = what.add_parser("policy", help=POLICY, description=POLICY)
    policy.add_argument("adapters", nargs="?", metavar="ADAPTERS", help="an adapter folder (default: one of --size)")
    policy.add_argument("--size", choices=("tiny", "real"), default="tiny", help="of the base model, random weights")
    policy.add_argument("--steps", type=int, default=30, metavar="N", help="measured ones (default 30)")
    policy.add_argument("--base", metavar="DIR", help="the base model's folder (default: where it was trained from)")
    policy.add_argument("--root", metavar="DIR", help="RoboVLMs checkout (default: $ROBOVLMS_ROOT, then ./RoboVLMs)")
    policy.add_argument("--json", action="store_true", help="print JSON")
    step = what.add_parser("step", help=STEP, description=STEP)
    step.add_argument("--size", choices=("tiny", "full"), default="tiny", help="Kosmos-2's width, random weights")
    step.add_argument("--layers", type=int, metavar="N", help="of each tower (default: its own number)")
    step.add_argument("--rounds", type=int, default=5, metavar="N", help="measured steps of each kind (default 5)")
    step.add_argument("--root", metavar="DIR", help="RoboVLMs checkout (default: $ROBOVLMS_ROOT, then ./RoboVLMs)")
    step.add_argument("--json", action="store_true", help="print JSON")
    drive = what.add_parser("drive", help=DRIVE, description=DRIVE)
    drive.add_argument("--out", default="runs/bench-drive", metavar="DIR", help="default runs/bench-drive")
    drive.add_argument("--seeds", default="11,12,13", metavar="S,S,…", help="of the trainings (default 11,12,13)")
    drive.add_argument("--worlds", type=int, default=96, metavar="N", help="rooms a policy (default 96)")
    drive.add_argument("--rooms", type=int, default=777001, metavar="S", help="seed of the rooms (default 777001)")
    drive.add_argument("--epochs", type=int, metavar="N", help="of each training (default: the demo's)")
    drive.add_argument("--root", metavar="DIR", help="RoboVLMs checkout (default: $ROBOVLMS_ROOT, then ./RoboVLMs)")
    drive.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Measure and print. On 2 cores a minute for data, ten for checkpoints of real size, two hours for drive."""
    measure, as_text = MEASURES[args.what]
    result = measure(args)
    print(json.dumps(result, indent=2) if args.json else as_text(result))
    return 0


def _data(args):
    from robovlms_mobile.bench.data_path import bench_data

    return bench_data(args.folder, args.episodes)


def _checkpoint(args):
    from robovlms_mobile.bench.checkpoint import bench_checkpoint

    return bench_checkpoint(("tiny", "real") if args.size == "both" else (args.size,), args.root)


def _step(args):
    from robovlms_mobile.bench.train_step import bench_step

    return bench_step(size=args.size, layers=args.layers, rounds=args.rounds, root=args.root)


def _policy(args):
    from robovlms_mobile.bench.policy_step import bench_policy

    return bench_policy(args.adapters, size=args.size, steps=args.steps, base=args.base, root=args.root)


def _drive(args):
    from robovlms_mobile.bench.drive_runs import Plan
    from robovlms_mobile.bench.drive_table import bench_drive

    seeds = tuple(int(each) for each in args.seeds.split(","))
    plan = Plan(Path(args.out), args.root, seeds, args.worlds, args.rooms, args.epochs)
    return bench_drive(plan, told=lambda line: print(line, file=sys.stderr, flush=True))


def format_data(result: dict) -> str:
    """Return the figures as text, a line a claim."""
    cpu, ratio, build, start = (result[key] for key in ("cpu_ms_per_window", "ratio", "build", "start"))
    lines = [
        ("CPU a window", f"obvious loader {cpu['obvious']:.1f} ms"),
        ("", f"frame store {cpu['store']:.3f} ms, {ratio['no_worker']:.0f}× less"),
        ("", f"frame store, one worker {cpu['store_one_worker']:.2f} ms, {ratio['one_worker']:.0f}× less"),
        ("", f"copying the bytes {cpu['memcpy']:.3f} ms; the store takes {ratio['above_memcpy']:.1f}× that"),
        ("building", f"{build['cpu_ratio']:.1f}× less CPU than frame by frame, {build['wall_ratio']:.1f}× sooner"),
        ("starting", f"{start['episodes']} decoded episodes in {start['wall_s']:.2f} s, {start['memory_mb']:.1f} MB"),
    ]
    jpeg, lerobot = result["jpeg"], result["lerobot_cpu_ms_per_window"]
    to_raw, to_jpeg = jpeg["ratio_to_frame_by_frame"], jpeg["ratio_to_jpeg_frame_by_frame"]
    lines.append(
        ("kept as JPEG", f"built with {to_raw:.1f}× less CPU than those frame by frame ({to_jpeg:.1f}× of JPEG)")
    )
    lerobot = {name: f"{each:.1f} ms" if isinstance(each, float) else each for name, each in lerobot.items()}
    lines.append(("lerobot's own", ", ".join(f"{name} {each}" for name, each in lerobot.items())))
    return _table(lines)


def format_checkpoint(result: dict) -> str:
    """Return the figures of each size as text: bytes, seconds, then the claims with what was measured."""
    return "\n\n".join(_format_size(size, each) for size, each in result.items())


def _format_size(size, result):
    ratio, seconds, lab = (result[key] for key in ("ratio", "seconds", "lab"))
    lines = [(size, f"{result['model']}, {result['device']}, {result['precision']}, median of {result['rounds']}")]
    lines.append(("bytes", f"upstream's checkpoint {_mb(result['bytes']['upstream'])}"))
    for name, words in WORDS.items():
        lines.append(("", f"{words} {_mb(result['bytes'][name])}, {ratio['bytes'][name]:.1f}× less"))
    lines.append(("", f"best besides last {_mb(result['bytes']['best_besides'])}"))
    lines.append(("state holds", ", ".join(f"{name} {_mb(each)}" for name, each in result["made_of"]["state"].items())))
    lines.append(
        ("seconds", f"upstream {seconds['upstream']:.2f}, flushed to the disk {seconds['upstream_flushed']:.2f}")
    )
    lines.append(
        ("", f"an epoch of ours, flushed {seconds['epoch']:.2f}, {ratio['seconds_an_epoch_both_flushed']:.1f}× less")
    )
    counted = f"the claim counts a window of the lab's, {lab['probe_s_at_most']:.2f}"
    lines.append(("", f"and one forward as the probe {seconds['probe']:.2f} on this device; {counted}"))
    lines.append(("a disk of", f"{lab['disk_mb_s_for_1_percent']:.0f} MB/s keeps saving below 1 % of the lab's epoch"))
    for each in result["claims"]:
        holds = "holds" if each["holds"] else "does NOT hold"
        lines.append(("claim", f"{each['claim']}: {each['measured']:.4f}, at most {each['at_most']:g}: {holds}"))
    return _table(lines) + ("" if size == "real" else "\nThe claims are about Kosmos-2 of real size: --size real.")


def format_policy(result: dict) -> str:
    """Return a policy's figures as text, a line a device and precision."""
    lines = [
        ("", "load, peak memory (weights), a step p50 and p95, the whole window again instead of one frame, max |Δ|")
    ]
    for row in result["rows"]:
        lines.append((f"{row['device']} {row['dtype']}", _measured(row)))
    return _table(lines)


def _measured(row):
    if "unmeasured" in row:
        return f"unmeasured: {row['unmeasured']}"
    room = f"{row['load_s']:.1f} s, {row['memory_mb']:.0f} MB ({row['weights_mb']:.1f})"
    times = f"{row['p50_ms']:.1f} ms, {row['p95_ms']:.1f} ms, {row['window_ms']:.1f} ms ({row['ratio']:.1f}×)"
    return f"{room}, {times}, {row['difference']:.1g} m/s"


def format_step(result: dict) -> str:
    """Return a training step's figures as text: a line for each of both, their ratio, and one of steps in a run."""
    lines = [(result["model"], f"{result['layers'] or 'all'} layers, {result['device']}, median of {result['rounds']}")]
    for name in ("ours", "upstream"):
        each = result[name]
        parts = ", ".join(f"{part} {seconds:.3f}" for part, seconds in each["parts"].items())
        lines.append((name, f"{each['seconds']:.3f} s ({parts}), {each['flops'] / 1e12:.3g} TFLOP"))
    ratio = result["ratio"]
    lines.append(("ratio", f"{ratio['seconds']:.2f}× the seconds, {ratio['flops']:.2f}× the arithmetic"))
    run = result["run"]
    waits, plugin = (f"{run[each]:.4f} ({run['ratio'][each]:.2%})" for each in ("data_wait", "plugin"))
    lines.append(("a run", f"{run['seconds']:.3f} s a step, waiting for data {waits}, plugin's callbacks {plugin}"))
    return _table(lines)


def format_drive(result: dict) -> str:
    """Return the table in Markdown: each row's shares, and how it differs from the reference."""
    lines = [
        "| | success | parked | wrong side | collision | parked, by training seed | parked against the reference |"
    ]
    lines.append("|---|---|---|---|---|---|---|")
    for name, row in result["rows"].items():
        shares = " | ".join(f"{row[f'pc_{each}']:.0f} %" for each in ("success", "parked", "wrong_side", "collision"))
        seeds = ", ".join(f"{each:.0f}" for each in row["pc_parked_by_seed"])
        low, high = row["pc_parked_change_ci95"]
        change = f"{row['pc_parked_change']:+.0f} ({low:+.0f} to {high:+.0f}): {row['pc_parked_verdict']}"
        lines.append(f"| {name} | {shares} | {seeds} | {'' if name == 'reference' else change} |")
    return "\n".join(lines)


MEASURES = {
    "data": (_data, format_data),
    "checkpoint": (_checkpoint, format_checkpoint),
    "policy": (_policy, format_policy),
    "step": (_step, format_step),
    "drive": (_drive, format_drive),
}

WORDS = {
    "adapters": "adapters",
    "adapters_fp16": "adapters in fp16",
    "adapter_folder": "adapter folder with the head",
    "adapter_folder_fp16": "adapter folder in fp16",
    "state": "state to resume from",
}


def _mb(count):
    return f"{count / 1e6:.3g} MB" if count < 1e9 else f"{count / 1e6:.0f} MB"


def _table(lines):
    return "\n".join(f"{what:<14}{figure}" for what, figure in lines)
