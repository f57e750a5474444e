"""`robovlms-mobile eval`: trained policies on recorded episodes they have never seen, beside what they have to beat."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from robovlms_mobile.evaluation.judgement import Evaluation

HELP = "evaluate trained policies on held-out episodes, beside baselines; is it looking, listening, stopping"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument(
        "policies", nargs="+", metavar="RUN|ADAPTERS", help="runs' folders or adapter folders; several are compared"
    )
    parser.add_argument("--data", metavar="DIR", help="other episodes than the run's own validation side")
    parser.add_argument("--pattern", metavar="P", help="only files that match (default: the run's episode_pattern)")
    parser.add_argument(
        "--split", choices=("validation", "all"), default="validation", help="all: also what it was trained on, apart"
    )
    parser.add_argument("--out", metavar="DIR", help="for eval_info.json, frames.csv, eval.html (default RUN/eval)")
    parser.add_argument(
        "--require", action="append", default=[], metavar="EXPR", help="exit 1 unless e.g. 'mae<0.3'; may be repeated"
    )
    parser.add_argument("--root", metavar="DIR", help="the checkout (default: ROBOVLMS_ROOT, else ./RoboVLMs)")
    parser.add_argument("--json", action="store_true", help="print eval_info.json instead of the table")


def run(args: argparse.Namespace) -> int:
    """Evaluate, write and print. Returns 0, or 1 when a --require is not met."""
    from robovlms_mobile.checkout.location import require_checkout
    from robovlms_mobile.evaluation.comparison import compare, labels
    from robovlms_mobile.evaluation.driving import write_info
    from robovlms_mobile.evaluation.requirement import parse, unmet

    required = [parse(text) for text in args.require]
    root, names = require_checkout(args.root), labels(args.policies)
    evaluations, places = {}, {}
    for name, path in names.items():
        evaluations[name], places[name] = _evaluate(path, root, args, name if len(names) > 1 else "")
    comparison = compare(evaluations) if len(names) > 1 else None
    if comparison:
        write_info(comparison, Path(args.out) if args.out else places[next(iter(places))], "comparison.json")
    infos = {name: each.info for name, each in evaluations.items()}
    if args.json:
        print(json.dumps({"policies": infos, "comparison": comparison} if comparison else next(iter(infos.values()))))
    else:
        _print(evaluations, places, comparison)
    broken = [f"{name}: {said}" for name, info in infos.items() for each in required if (said := unmet(each, info))]
    for sentence in broken:
        print(sentence, file=sys.stderr)
    return 1 if broken else 0


def _evaluate(path, root, args, name):
    """Evaluate one policy and write its files. Returns (Evaluation, its folder)."""
    from robovlms_mobile.evaluation.driving import write_info
    from robovlms_mobile.evaluation.eval_files import write_frames
    from robovlms_mobile.evaluation.eval_page import write_page
    from robovlms_mobile.evaluation.trained import TrainedPolicy

    policy = TrainedPolicy(path, root)
    own = "" if policy.folder == policy.run else policy.folder.name
    out = Path(args.out, name) if args.out else policy.run / "eval" / own
    evaluation = _judged(policy, args)
    write_info(evaluation.info, out)
    write_frames(evaluation, out)
    write_page(evaluation, out)
    return evaluation, out


def _judged(policy, args) -> "Evaluation":
    from robovlms_mobile.evaluation.judgement import evaluate
    from robovlms_mobile.evaluation.run_data import block_of
    from robovlms_mobile.evaluation.selection import select
    from robovlms_mobile.scoring.scored import usual_speed

    chosen = select(policy.configs, policy.run, policy.space, policy.transform, args.data, args.pattern, args.split)
    for note in chosen.notes:
        print(note, file=sys.stderr)
    block = block_of(policy.configs)
    taught = [(policy.space.targets(each.actions, block.shift_first), each.scenario) for each in chosen.taught]
    known = [actions for actions, _ in taught] or [each.actual for each in chosen.validation]
    settings: dict[str, Any] = {
        "policy": str(policy.folder),
        "run": str(policy.run),
        "data": str(chosen.folder),
        "pattern": args.pattern,
        "split": args.split,
        "notes": list(chosen.notes),
    }
    dims = policy.space.real_dims
    return evaluate(policy, chosen.validation, taught, dims, usual_speed(known, dims), chosen.training, settings)


def _print(evaluations, places, comparison):
    from robovlms_mobile.evaluation.driving import INFO
    from robovlms_mobile.evaluation.eval_files import FRAMES, PAGE, table

    for name, each in evaluations.items():
        overall = each.info["overall"]
        print(f"{name}: {overall['n_episodes']} validation episodes, {overall['n_frames']} frames; 95 % intervals")
        print(table(each.info))
        print("\n".join(f"- {sentence}" for sentence in each.info["verdict"]))
        found = (("figures", INFO), ("frames", FRAMES), ("page", PAGE))
        print("\n".join(f"{what:<9} {places[name] / file}" for what, file in found), end="\n\n" if comparison else "\n")
    if comparison:
        print(f"Compared on {comparison['n_episodes']} episodes, paired:")
        print("\n".join(f"- {sentence}" for sentence in comparison["sentences"]))
