"""Train the demo's policy in variants, some seeds each, and drive all of them through the same rooms."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from robovlms_mobile.bench.drive_rows import REFERENCE, ROWS
from robovlms_mobile.bench.drive_runs import COUNTED, Plan, driven, make_materials
from robovlms_mobile.checkout.location import require_checkout

COMPARED = ("success", "parked")
DRAWS = 2000


def bench_drive(plan: Plan, rows: tuple = ROWS, told: Callable[[str], object] = print) -> dict[str, Any]:
    """Train and drive every row with every seed, then compare each row with the reference.

    Args:
        plan: a `Plan`.
        rows: of `Row`; the reference is driven in any case.
        told: called with a line after each policy.

    Returns:
        dict: seeds, worlds, rooms and `rows`: see `compare`.

    Raises:
        CheckoutError: no checkout.
        MobileError: a training failed.
    """
    rows = rows if REFERENCE in rows else (REFERENCE, *rows)
    plan = replace(plan, out=plan.out.resolve(), root=require_checkout(plan.root))
    make_materials(plan.out)
    found: dict[str, list] = {row.name: [] for row in rows}
    for seed in plan.seeds:
        for row in rows:
            found[row.name].append(driven(plan, row, seed))
            parked = np.mean(found[row.name][-1]["parked"])
            told(f"{row.name}, training seed {seed}: parked {100 * parked:.0f} %")
    options = {"seeds": list(plan.seeds), "worlds": plan.worlds, "rooms": plan.rooms}
    return {**options, "rows": compare(found)}


def compare(found: dict[str, list]) -> dict[str, dict]:
    """Compare rows with the reference, paired by training seed and room.

    Args:
        found: row → for each training seed a dict: outcome → (worlds,) of 0 and 1.

    Returns:
        row → for each of COUNTED `pc_…`; and for each of COMPARED `pc_…_by_seed`, `pc_…_change` (the row less the
        reference, in points), its `…_ci95`, and `…_verdict`: "better", "worse" or "tied".
    """
    counts = {row: {name: np.array([one[name] for one in each]) for name in COUNTED} for row, each in found.items()}
    return {row: _compared(each, counts[REFERENCE.name]) for row, each in counts.items()}


def _compared(own, reference):
    told: dict[str, Any] = {f"pc_{name}": 100 * float(own[name].mean()) for name in COUNTED}
    for name in COMPARED:
        change = 100.0 * (own[name] - reference[name])  # (seeds, worlds)
        low, high = interval(change)
        told[f"pc_{name}_by_seed"] = [100 * float(each) for each in own[name].mean(1)]
        told[f"pc_{name}_change"], told[f"pc_{name}_change_ci95"] = float(change.mean()), [low, high]
        told[f"pc_{name}_verdict"] = "better" if low > 0 else "worse" if high < 0 else "tied"
    return told


def interval(change: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of a mean over training seeds and rooms, both drawn again with replacement.

    Args:
        change: (seeds, worlds).
    """
    rng = np.random.default_rng(0)
    seeds, worlds = change.shape
    picked = rng.integers(seeds, size=(DRAWS, seeds, 1)), rng.integers(worlds, size=(DRAWS, 1, worlds))
    low, high = np.percentile(change[picked].mean((1, 2)), [2.5, 97.5])
    return float(low), float(high)
