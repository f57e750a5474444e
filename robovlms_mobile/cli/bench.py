"""`robovlms-mobile bench data`: figures behind the claims, each a ratio measured in one run."""

import json

HELP = "measure the data path against the obvious loader"


def configure(parser):
    """Add what can be measured."""
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    data = what.add_parser("data", help=HELP, description=HELP)
    data.add_argument("folder", nargs="?", metavar="DIR", help="episodes to read (default: synthetic ones, 720p)")
    data.add_argument("--episodes", type=int, default=8, help="how many files (default 8)")
    data.add_argument("--json", action="store_true", help="print JSON")


def run(args):
    """Measure and print. About a minute on 2 cores."""
    from robovlms_mobile.bench.data import bench_data

    result = bench_data(args.folder, args.episodes)
    print(json.dumps(result, indent=2) if args.json else format_data(result))
    return 0


def format_data(result):
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
    return "\n".join(f"{what:<14}{figure}" for what, figure in lines)
