"""Damaged files give a DataError that names them, or right data: never a crash, a hang, or much memory.

What the file format guards by no checksum (actions, texts, attributes as the collector writes them) may be damaged into
other valid values, which nobody can tell; pixels are guarded and never come out wrong.
"""

import json
from collections import Counter

import pytest
from support.checkouts import SUPPORT
from support.damage import BYTES, STRUCTURE
from support.vintages import VINTAGES

from robovlms_mobile.data.hdf5.sandbox import WORK

PROBE = SUPPORT / "fuzz_probe.py"
NAME = "episode_20251114_151440_1box_hori_right_core_medium.h5"
OUTSIDE = ("a link to another file", "a group in another file", "storage in another file", "a virtual dataset")
UNUSABLE = (
    "truncated",
    "bytes inserted",
    "unequal lengths",
    "not finite",
    "an unknown filter",
    "a bomb",
    "a bad chunk",
    "missing chunks",
)


def fuzz(folder, run_afresh, first, last, timeout, *layout):
    done = run_afresh([PROBE, folder, first, last, *layout], cwd=folder, timeout=timeout)
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, f"ended at {results[-1:]} with {done.returncode}: {done.stderr[-2000:]}"
    assert [each["number"] for each in results] == list(range(first, last))
    return results


def check(results, guarded=True):
    for each in results:
        assert each["seconds"] < 2.5 * WORK, each
        assert not guarded or "pixels" not in each["outcome"], each
        if each["outcome"] == "refused":
            assert each["error"].startswith(f"{NAME}: ") and len(each["error"]) < 1000, each
        if each["what"] in OUTSIDE:  # of the optional events alone, a note that they cannot be read
            assert each["outcome"] in ("refused", "other: notes"), each
        if each["what"] in UNUSABLE:
            assert each["outcome"] == "refused", each
    return Counter((each["what"], each["outcome"]) for each in results)


def test_damaged_files_are_refused_by_name_or_read_right(tmp_path, run_afresh):
    counts = check(fuzz(tmp_path, run_afresh, 0, 200, timeout=120))
    assert {what for what, _ in counts} == {*BYTES, *STRUCTURE}


def test_damaged_files_of_a_later_layout_are_refused_by_name_or_read_right(tmp_path, run_afresh):
    check(fuzz(tmp_path, run_afresh, 0, 16, 120, "august_2026"))


@pytest.mark.slow
@pytest.mark.parametrize("layout", [name for name in VINTAGES if name != "november_2025"])
def test_hundreds_of_damaged_files_of_each_layout_are_refused_by_name_or_read_right(tmp_path, run_afresh, layout):
    """JPEG alone has no checksum: other bytes may decode to another picture."""
    check(fuzz(tmp_path, run_afresh, 0, 500, 900, layout), guarded=layout != "june_2026_jpeg")


@pytest.mark.slow
def test_thousands_of_damaged_files_are_refused_by_name_or_read_right(tmp_path, run_afresh, capsys):
    results = fuzz(tmp_path, run_afresh, 1000, 4000, timeout=900)
    counts = check(results)
    outcomes = Counter(each["outcome"] for each in results)
    caught = Counter("crash" for each in results if "crashes" in each.get("error", ""))
    caught["hang"] = sum("busy" in each.get("error", "") for each in results)
    with capsys.disabled():
        print(f"\n{len(results)} damaged files: {dict(outcomes)}; kept from {dict(caught)} of the HDF5 library")
        for (what, outcome), count in sorted(counts.items()):
            print(f"  {what:26} {outcome:32} {count}")
