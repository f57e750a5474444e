"""Which of several policies is better: paired by episode, and tied where nobody can tell."""

from itertools import combinations
from pathlib import Path
from typing import Any

from robovlms_mobile.errors import DataError, MobileError
from robovlms_mobile.evaluation.judgement import Evaluation
from robovlms_mobile.evaluation.verdict import HIGHER_IS_BETTER, WORDS, better, worse
from robovlms_mobile.scoring.figures import figures, paired_change
from robovlms_mobile.scoring.scored import Scored

COMPARED = ("balanced_direction_accuracy", "mae", "final_position_error")  # the first decides the order


def labels(paths: list[str]) -> dict[str, str]:
    """Return label → path: as much of each path's end as tells it from the others.

    Raises:
        MobileError: one is named twice.
    """
    parts = [Path(path).resolve().parts for path in paths]
    if len(set(parts)) < len(parts):
        raise MobileError(f"A policy is named twice: {', '.join(paths)}.")
    for depth in range(1, 1 + max(map(len, parts))):
        found = ["-".join(part[-depth:]).strip("/") for part in parts]
        if len(set(found)) == len(found):
            break
    return dict(zip(found, paths, strict=True))


def compare(evaluations: dict[str, Evaluation]) -> dict[str, Any]:
    """Compare policies on the validation episodes that all of them were evaluated on.

    Args:
        evaluations: label → `Evaluation`, two or more.

    Returns:
        dict: `n_episodes`; for each of COMPARED a dict with `ranking` (labels, best first), `values` by label, `tied`
        ([label, label] of each two that cannot be told apart) and `pairs`: one, other, change (other's less one's),
        change_ci95, better (a label, or None for a tie); and `sentences`.

    Raises:
        DataError: the policies have other dims, or no episode in common.
    """
    scored, dims, speed = _common(evaluations)
    pairs = {
        (one, other): paired_change(scored[one], scored[other], dims, speed) for one, other in combinations(scored, 2)
    }
    values = {label: figures(each, dims, speed) for label, each in scored.items()}
    found = {name: _ranked(name, values, pairs) for name in COMPARED}
    count = len(next(iter(scored.values())))
    sentences = [_sentence(name, found[name]) for name in COMPARED]
    return {"n_episodes": count, **found, "sentences": sentences}


def _common(evaluations: dict[str, Evaluation]) -> tuple[dict[str, list[Scored]], tuple[str, ...], float]:
    """Return (label → the episodes that all have, in one order; dims; speed)."""
    dims = {label: each.dims for label, each in evaluations.items()}
    first = next(iter(evaluations.values()))
    if len(set(dims.values())) > 1:
        raise DataError(f"These policies drive other dims, so nothing compares: {dims}.")
    by_name = {label: {one.name: one for one in each.validation} for label, each in evaluations.items()}
    names = sorted(set.intersection(*(set(each) for each in by_name.values())))
    if not names:
        raise DataError(
            f"{', '.join(evaluations)} have no validation episode in common.",
            "Name a folder that none of them was trained on with --data.",
        )
    return {label: [each[name] for name in names] for label, each in by_name.items()}, first.dims, first.speed


def _ranked(name, values, pairs):
    own = {label: each[name] for label, each in values.items()}
    known = [label for label, value in own.items() if value is not None]
    order = sorted(known, key=lambda label: own[label], reverse=HIGHER_IS_BETTER[name])
    rows = []
    for (one, other), change in pairs.items():
        ahead = other if better(change, name) else one if worse(change, name) else None
        rows.append(
            {
                "one": one,
                "other": other,
                "change": change[name],
                "change_ci95": change[f"{name}_ci95"],
                "better": ahead,
            }
        )
    tied = [[row["one"], row["other"]] for row in rows if row["better"] is None]
    return {"ranking": order, "values": own, "tied": tied, "pairs": rows}


def _sentence(name, found):
    """E.g. `balanced direction: a 0.71, b 0.70, c 0.40; a and b are tied`."""
    listed = ", ".join(f"{label} {found['values'][label]:.3f}" for label in found["ranking"])
    ties = "; ".join(f"{one} and {other} are tied" for one, other in found["tied"])
    return f"{WORDS[name]}: {listed}" + (f"; {ties}" if ties else "; none are tied")
