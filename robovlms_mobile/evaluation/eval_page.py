"""eval.html: what a policy did beside what was recorded, on one page that needs nothing else."""

from pathlib import Path
from typing import Any

import numpy as np

from robovlms_mobile.data.directions import DIRECTIONS
from robovlms_mobile.evaluation.eval_files import PAGE, cells_of, rows
from robovlms_mobile.evaluation.judgement import Evaluation
from robovlms_mobile.evaluation.svg_plots import Line, grid_of, limits_of, paths, plot
from robovlms_mobile.files import replace_file
from robovlms_mobile.scoring.scored import Scored, plane, recorded_and_predicted
from robovlms_mobile.scoring.trajectories import integrate

STRIP = 8  # frames of an episode that are shown
WORST = 24  # episodes that are shown one by one
POLICY = "guess"  # class of what was predicted


def write_page(evaluation: Evaluation, folder: Path) -> Path:
    """Write eval.html. Returns its path."""
    from robovlms_mobile.report.page import environment

    page = environment("evaluation", "report").get_template("eval.html").render(**content(evaluation))
    with replace_file(folder / PAGE) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return folder / PAGE


def content(evaluation: Evaluation) -> dict[str, Any]:
    """Return what the template is filled with."""
    info, own, dims = evaluation.info, evaluation.validation, evaluation.dims
    tracks = {id(each): _tracks(each, dims) for each in evaluation.scored}
    limits = limits_of([track for both in tracks.values() for track, _ in both])
    shown = sorted(zip(evaluation.episodes, evaluation.scored, strict=True), key=lambda pair: -_error(pair[1]).mean())
    return {
        "info": info,
        "rows": [(name, cells_of(found) if found else None) for name, found in rows(info)],
        "groups": [(name, found["n_episodes"], cells_of(found)) for name, found in info["per_group"].items()],
        "confusion": confusion(own, dims, evaluation.speed),
        "directions": DIRECTIONS,
        "errors": _error_plot(own, evaluation.baselines),
        "legend": [(POLICY, "policy"), *((f"line{n}", _words(name)) for n, name in enumerate(evaluation.baselines))],
        "grid": grid_of(limits),
        "maps": _maps(own, tracks, limits),
        "worst": [_episode(*pair, dims, tracks[id(pair[1])], limits) for pair in shown[:WORST]],
        "left_out": max(0, len(shown) - WORST),
    }


def confusion(scored: list[Scored], dims: tuple[str, ...], speed: float) -> list[list[tuple[int, float]]]:
    """Return the 9 × 9 table of directions: for each recorded one, how often each was predicted and its share."""
    counts = np.zeros((len(DIRECTIONS), len(DIRECTIONS)), int)
    for each in scored:
        np.add.at(counts, recorded_and_predicted(each, dims, speed), 1)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    return [list(zip(*row, strict=True)) for row in zip(counts.tolist(), shares.tolist(), strict=True)]


def by_frame(scored: list[Scored]) -> np.ndarray:
    """Return the mean error at each frame number, (T,) m/s, over the episodes that have it."""
    longest = max(len(each.actual) for each in scored)
    errors = np.full((len(scored), longest), np.nan)
    for row, each in zip(errors, scored, strict=True):
        row[: len(each.actual)] = _error(each)
    return np.nanmean(errors, 0)


def _error(scored):
    return np.abs(scored.first - scored.actual).mean(1)


def _error_plot(own, baselines):
    lines = [Line(by_frame(each), f"line{n}") for n, each in enumerate(baselines.values())]
    lines.append(Line(by_frame(own), POLICY, dots=True))
    return plot(lines, (0.0, max(0.1, *(float(line.values.max()) for line in lines))), (720, 260))


def _tracks(scored, dims):
    """The recorded way and the predicted one, seen from above, with their looks."""
    pairs = ((scored.actual, "truth"), (scored.first, POLICY))
    return [(integrate(plane(actions, dims), scored.period), look) for actions, look in pairs]


def _maps(own, tracks, limits):
    groups = {}
    for each in own:
        groups.setdefault(each.scenario, []).extend(tracks[id(each)])
    order = {"truth": 0, POLICY: 1}  # what was predicted lies on top
    return [
        (name, len(both) // 2, paths(sorted(both, key=lambda pair: order[pair[1]]), limits))
        for name, both in sorted(groups.items())
    ]


def _episode(shown, scored, dims, tracks, limits):
    numbers = np.unique(np.linspace(0, len(shown.frames) - 1, STRIP).round().astype(int))
    reach = 1.1 * max(float(np.abs(scored.actual).max()), float(np.abs(scored.first).max()), 0.1)
    plots = [
        (dim, plot([Line(true, "truth", steps=True), Line(guess, POLICY, dots=True)], (-reach, reach)))
        for dim, true, guess in zip(dims, scored.actual.T, scored.first.T, strict=True)
    ]
    return {
        "shown": shown,
        "error": float(_error(scored).mean()),
        "numbers": numbers.tolist(),
        "frames": [np.ascontiguousarray(shown.frames[number]) for number in numbers],
        "plots": plots,
        "map": paths(tracks, limits),
    }


def _words(name):
    return name.replace("_", " ")
