"""`bench step` times a step as it is beside one that does all that upstream would. On the test double."""

import json

import pytest
from support.checkouts import STANDIN
from support.processes import run_python

from robovlms_mobile.cli.bench import format_step


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    command = ["-m", "robovlms_mobile", "bench", "step", "--root", STANDIN, "--rounds", "2", "--layers", "1", "--json"]
    done = run_python(command, cwd=tmp_path_factory.mktemp("bench"))
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def test_a_step_is_the_sum_of_its_parts_and_more(result):
    for name in ("ours", "upstream"):
        parts = result[name]["parts"]
        assert set(parts) == {"vision", "text", "head", "backward", "optimizer"}
        assert 0 < max(parts.values()) < result[name]["seconds"]


def test_upstream_computes_more(result):
    assert result["ratio"]["flops"] == result["upstream"]["flops"] / result["ours"]["flops"] > 1.05
    assert result["layers"] == 1 and result["ratio"]["seconds"] > 0


def test_the_text_has_a_line_for_each_and_the_ratio(result):
    text = format_step(result).splitlines()
    assert len(text) == 4 and text[-1].startswith("ratio") and text[1].startswith("ours")
