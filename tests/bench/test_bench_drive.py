"""The table of `bench drive`: who is better, and that nothing is done twice."""

import json

import numpy as np
import pytest

from robovlms_mobile.bench.drive_rows import REFERENCE, ROWS
from robovlms_mobile.bench.drive_runs import COUNTED
from robovlms_mobile.bench.drive_table import compare, interval
from robovlms_mobile.cli.bench import format_drive

SEEDS, WORLDS = 3, 96


def outcomes(share, seed=0):
    rng = np.random.default_rng(seed)
    return [{name: (rng.random(WORLDS) < share).astype(int).tolist() for name in COUNTED} for _ in range(SEEDS)]


@pytest.fixture(scope="module")
def rows():
    reference = outcomes(0.8)
    worse = outcomes(0.5, seed=1)
    better = [{name: [1] * WORLDS for name in COUNTED} for _ in range(SEEDS)]
    return compare({REFERENCE.name: reference, "same": outcomes(0.8, seed=2), "worse": worse, "better": better})


def test_what_cannot_be_told_apart_is_tied(rows):
    verdicts = {name: row["pc_parked_verdict"] for name, row in rows.items()}
    assert verdicts == {REFERENCE.name: "tied", "same": "tied", "worse": "worse", "better": "better"}
    assert rows[REFERENCE.name]["pc_parked_change"] == 0


def test_the_change_is_the_difference_of_shares(rows):
    change = rows["worse"]["pc_parked"] - rows[REFERENCE.name]["pc_parked"]
    assert rows["worse"]["pc_parked_change"] == pytest.approx(change)
    low, high = rows["worse"]["pc_parked_change_ci95"]
    assert low < change < high


def test_seeds_that_disagree_widen_the_interval():
    rooms = np.random.default_rng(0).choice([-1.0, 0.0, 1.0], size=WORLDS)
    agree, disagree = np.stack([rooms] * 3), np.stack([rooms - 1, rooms, rooms + 1])
    width = {name: np.ptp(interval(change)) for name, change in (("agree", agree), ("disagree", disagree))}
    assert width["disagree"] > 2 * width["agree"]


def test_every_row_changes_one_thing():
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert all(bool(row.config) + bool(row.drive) + bool(row.blind) == 1 for row in ROWS if row is not REFERENCE)


def test_the_table_is_markdown(rows):
    lines = format_drive({"rows": rows}).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert lines[-1].startswith("| better | 100 % | 100 %") and lines[-1].endswith("better |")


TWICE = """
import json, sys
from pathlib import Path
from robovlms_mobile.bench.drive_rows import REFERENCE, Row
from robovlms_mobile.bench.drive_runs import Plan
from robovlms_mobile.bench.drive_table import bench_drive

rows = (REFERENCE, Row("snapped", drive={"snap": True}), Row("grey", blind="grey"))
found = bench_drive(Plan(Path(sys.argv[2]), sys.argv[1], seeds=(1,), worlds=2, epochs=1), rows, told=lambda line: None)
print(json.dumps(found))
"""


@pytest.mark.slow
def test_policies_are_trained_and_driven_once(upstream_root, run_python, tmp_path):
    """One epoch, two rooms: all rows share the reference's training, and a second call does nothing again."""

    def call():
        done = run_python(["-c", TWICE, upstream_root, tmp_path / "out"], cwd=tmp_path)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout, {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}

    first = call()
    assert call() == first
    assert len(list(tmp_path.glob("out/output/**/run.json"))) == 1
    assert set(json.loads(first[0])["rows"]) == {"reference", "snapped", "grey"}
