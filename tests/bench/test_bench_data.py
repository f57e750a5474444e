"""`bench data` at a tiny size: its ratios are those of its own figures, and it counts what it says it counts."""

import json

import pytest

from robovlms_mobile.bench import data_path
from robovlms_mobile.bench.data_path import bench_data
from robovlms_mobile.cli import main
from robovlms_mobile.cli.bench import format_data


@pytest.fixture(scope="module")
def result(episodes):
    before = sorted(episodes.rglob("*"))
    measured = bench_data(episodes, episodes=4, windows=4, rounds=1, many=100)
    return {**measured, "left_behind": sorted(set(episodes.rglob("*")) - set(before))}


def test_ratios_are_those_of_the_figures_beside_them(result):
    cpu, ratio, build = result["cpu_ms_per_window"], result["ratio"], result["build"]
    assert ratio["no_worker"] == cpu["obvious"] / cpu["store"]
    assert ratio["one_worker"] == cpu["obvious"] / cpu["store_one_worker"]
    assert ratio["above_memcpy"] == cpu["store"] / cpu["memcpy"]
    for clock in ("cpu", "wall"):
        measured = build[f"frame_by_frame_{clock}_s"] / build[f"store_{clock}_s"]
        assert build[f"{clock}_ratio"] == measured


def test_every_cost_is_a_positive_number(result):
    costs = [*result["cpu_ms_per_window"].values(), *result["build"].values(), result["start"]["wall_s"]]
    del costs[2]  # a worker's, its start taken off: at this size less than nothing may be left
    assert all(isinstance(each, float) and each > 0 for each in costs)


def test_jpeg_and_lerobot_stand_beside_it(result):
    jpeg, lerobot = result["jpeg"], result["lerobot_cpu_ms_per_window"]
    built = result["build"]["frame_by_frame_cpu_s"]
    assert jpeg["ratio_to_frame_by_frame"] == built / jpeg["jpeg_store_cpu_s"]
    assert "missing" in lerobot or (lerobot["video"] > 0 and lerobot["png"] > 0)


def test_it_counts_what_it_was_asked_to(result):
    start = result["start"]
    assert result["episodes"] == 4 and start["episodes"] == 100
    added = 1e6 * start["memory_mb"] / start["memory_bytes_per_episode"]
    assert 90 <= added < 1000  # all of it is more than what the last 90 add, and of the same order


def test_a_users_own_folder_is_left_as_it_is(result):
    assert result.pop("left_behind") == []


def test_the_verb_prints_the_same_figures_as_json_and_as_text(result, episodes, monkeypatch, capsys):
    monkeypatch.setattr(data_path, "bench_data", lambda folder, count: {**result, "asked": [folder, count]})
    assert main(["bench", "data", str(episodes), "--episodes", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {**result, "asked": [str(episodes), 3]}
    text = format_data(result)
    assert f"{result['build']['cpu_ratio']:.1f}× less CPU" in text and "100 decoded episodes" in text
