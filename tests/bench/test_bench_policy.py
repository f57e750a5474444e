"""`bench policy` measures what is there and marks what is not. On the test double."""

import json

import pytest
from support.checkouts import STANDIN
from support.processes import run_warm

from robovlms_mobile.cli.bench import format_policy


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    command = ["-m", "robovlms_mobile", "bench", "policy", "--root", STANDIN, "--steps", "4", "--json"]
    done = run_warm(command, cwd=tmp_path_factory.mktemp("bench"))
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.mark.slow
def test_each_precision_has_figures_of_its_own_process(result):
    cpu = [row for row in result["rows"] if row["device"] == "cpu" and "unmeasured" not in row]
    assert [row["dtype"] for row in cpu] == ["fp32", "bf16", "fp16", "int8"]
    assert cpu[0]["difference"] == 0 < cpu[1]["difference"] < 0.5 and cpu[1]["weights_mb"] < cpu[0]["weights_mb"]
    assert all(0 < row["p50_ms"] <= row["p95_ms"] and row["memory_mb"] > 50 for row in cpu)
    assert all(row["ratio"] > 1.5 for row in cpu)  # a window of four frames


@pytest.mark.slow
def test_what_is_not_there_is_unmeasured(result):
    import torch

    cuda = [row for row in result["rows"] if row["device"] == "cuda"]
    assert len(cuda) == 4 and all(("unmeasured" in row) != torch.cuda.is_available() for row in cuda)


def test_the_text_has_a_line_a_row():
    figures = {"load_s": 1.0, "memory_mb": 500.0, "p50_ms": 10.0, "p95_ms": 12.0, "window_ms": 40.0, "ratio": 4.0}
    figures |= {"weights_mb": 7.4, "difference": 0.0}
    rows = [{"device": "cpu", "dtype": "fp32", **figures}]
    rows.append({"device": "cuda", "dtype": "fp32", "unmeasured": "there is no CUDA here"})
    text = format_policy({"rows": rows}).splitlines()
    assert len(text) == 3 and "4.0×" in text[1] and "unmeasured" in text[2]
