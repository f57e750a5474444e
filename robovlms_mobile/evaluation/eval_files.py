"""What an evaluation leaves behind: eval_info.json, frames.csv, and the table a person reads."""

import csv
from pathlib import Path
from typing import Any

from robovlms_mobile.data.directions import DIRECTIONS
from robovlms_mobile.evaluation.judgement import Evaluation
from robovlms_mobile.files import replace_file
from robovlms_mobile.scoring.scored import recorded_and_predicted

FRAMES = "frames.csv"
PAGE = "eval.html"
NAME, COLUMN = 31, 21  # letters


def write_frames(evaluation: Evaluation, folder: Path) -> Path:
    """Write frames.csv, a line a frame: what was recorded and predicted, m/s and rad/s, and their keys."""
    dims, speed = evaluation.dims, evaluation.speed
    header = ["episode", "side", "frame", "scenario", "instruction"]
    header += [f"{kind}_{dim}" for kind in ("recorded", "predicted") for dim in dims]
    header += ["recorded_key", "predicted_key"]
    with replace_file(folder / FRAMES) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for shown, scored in zip(evaluation.episodes, evaluation.scored, strict=True):
            true, guess = scored.actual, scored.first
            keys = recorded_and_predicted(scored, dims, speed)
            for frame in range(len(true)):
                row = [shown.name, shown.side, frame, shown.scenario, shown.instruction]
                row += [f"{value:.5f}" for each in (true, guess) for value in each[frame]]
                writer.writerow([*row, *(DIRECTIONS[each[frame]].key for each in keys)])
    return folder / FRAMES


def table(info: dict[str, Any]) -> str:
    """Return the rows a person reads: the policy, disturbed, and what it has to beat, with intervals."""
    heads = ("error m/s", "direction", "balanced", "at changes", "stops", "final place m")
    lines = ["".join([" " * NAME, *(f"{head:>{COLUMN}}" for head in heads)]).rstrip()]
    for name, found in rows(info):
        cells = cells_of(found) if found else ["cannot be asked"]
        lines.append("".join([f"{name:{NAME}}", *(f"{cell:>{COLUMN}}" for cell in cells)]))
    return "\n".join(lines)


def rows(info: dict[str, Any]) -> list[tuple[str, dict | None]]:
    """Return (name, figures) of every line of the table; None for what these episodes do not allow."""
    found = [("policy", info["overall"])]
    if info["training"]:
        found.append(("on what it was trained on", info["training"]["overall"]))
    named = [*info["ablations"].items(), *info["baselines"].items()]
    return found + [(name.replace("_", " "), each) for name, each in named]


def cells_of(found: dict[str, Any]) -> list[str]:
    """Return a row's cells, e.g. `0.197 (0.18–0.21)` and `80 % (77–83)`."""
    shares = ("direction_accuracy", "balanced_direction_accuracy", "change_accuracy", "stop_recall")
    return [
        _metres(found, "mae"),
        *(_share(found, name) for name in shares),
        _metres(found, "final_position_error"),
    ]


def _metres(found, name):
    low, high = found[f"{name}_ci95"]
    return f"{found[name]:.3f} ({low:.2f}–{high:.2f})"


def _share(found, name):
    if found[name] is None:
        return "—"
    low, high = (100 * bound for bound in found[f"{name}_ci95"])
    return f"{100 * found[name]:.0f} % ({low:.0f}–{high:.0f})"
