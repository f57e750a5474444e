"""Drive a policy, its controls and its baselines through the same rooms, and write down how they end."""

import json
from pathlib import Path
from typing import Any

from robovlms_mobile.evaluation.controllers import Expert, Replay, Stand, Trained
from robovlms_mobile.evaluation.rollout import Drives, rates, roll_out
from robovlms_mobile.evaluation.trained import TrainedPolicy
from robovlms_mobile.scoring.baselines import Baselines
from robovlms_mobile.simulation.room import HARDER
from robovlms_mobile.simulation.world import SCENARIOS

INFO = "eval_info.json"
REPLAYS = ("mean_action", "majority_action", "majority_by_frame", "majority_by_frame_and_scenario")


def drive(policy: TrainedPolicy, episodes: list, harder: bool = False, **options: Any) -> tuple[dict, Drives]:
    """Drive a trained policy through rooms it has never seen, beside what it has to beat.

    Args:
        policy: a `TrainedPolicy`.
        episodes: those it was trained on, list of `Episode`: the baselines are made from their actions.
        harder: also drive it in each of `room.HARDER`.
        options: of `rollout.roll_out`: worlds, seed, steps, execute, snap.

    Returns:
        (what eval_info.json says, the policy's own drives).
    """
    own = roll_out(Trained(policy), **options)
    info = {"settings": dict(options), "overall": rates(own.verdicts), "per_group": _by_scenario(own)}
    info["ablations"] = {
        "instruction_swapped": rates(roll_out(Trained(policy), swap=True, **options).verdicts),
        "image_grey": rates(roll_out(Trained(policy, "grey"), **options).verdicts),
        "image_frozen": rates(roll_out(Trained(policy, "frozen"), **options).verdicts),
    }
    info["baselines"] = {
        name: rates(roll_out(controller, **{**options, "execute": 1, "snap": False}).verdicts)
        for name, controller in _controllers(episodes, options["steps"]).items()
    }
    if harder:
        info["harder"] = {
            name: rates(roll_out(Trained(policy), conditions=conditions, **options).verdicts)
            for name, conditions in HARDER.items()
        }
    return info, own


def _controllers(episodes, steps):
    """Name → what a policy has to beat; the expert is what it can hope for. Frame 0 of an episode waits: left out."""
    baselines = Baselines([each.actions[1:, :2] for each in episodes], [each.scenario for each in episodes])
    replays = {
        name: Replay({scenario: baselines.sequence(name, scenario, steps) for scenario in (None, *SCENARIOS)})
        for name in REPLAYS
    }
    return {"expert": Expert(), **replays, "previous_action": Stand()}


def _by_scenario(drives):
    groups = {}
    for driven, verdict in zip(drives.drives, drives.verdicts, strict=True):
        groups.setdefault(driven.world.scenario, []).append(verdict)
    return {scenario: rates(verdicts) for scenario, verdicts in sorted(groups.items())}


def write_info(info: dict, folder: Path, name: str = INFO) -> Path:
    """Write a dict as the JSON file `name` into `folder`, which is made. Returns its path."""
    from robovlms_mobile.files import replace_file

    path = folder / name
    with replace_file(path) as temporary:
        temporary.write_text(json.dumps(info, indent=1) + "\n", encoding="utf-8")
    return path


def table(info: dict) -> str:
    """Return the rows a person reads: success and parked with their intervals, collisions and wrong sides."""
    rows = [("policy", info["overall"]), *_rows(info, "ablations"), *_rows(info, "harder"), *_rows(info, "baselines")]
    lines = [f"{'':34}{'success':>18}{'parked':>18}{'collision':>11}{'wrong side':>12}"]
    for name, found in rows:
        ranges = [f"{found[key]:.0f} % ({low:.0f}–{high:.0f})" for key, (low, high) in _with_interval(found)]
        lines.append(
            f"{name.replace('_', ' '):34}{ranges[0]:>18}{ranges[1]:>18}"
            f"{found['pc_collision']:>9.0f} %{found['pc_wrong_side']:>10.0f} %"
        )
    return "\n".join(lines)


def _rows(info, group):
    return list(info.get(group, {}).items())


def _with_interval(found):
    return [(key, found[f"{key}_ci95"]) for key in ("pc_success", "pc_parked")]
