"""`bench step` times a step as it is beside one that does all that upstream would. On the test double."""

import json

import pytest
from support.checkouts import STANDIN
from support.processes import run_warm

from robovlms_mobile.bench.run_shares import WARM, Account
from robovlms_mobile.cli.bench import format_step


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    command = ["-m", "robovlms_mobile", "bench", "step", "--root", STANDIN, "--rounds", "2", "--layers", "1", "--json"]
    done = run_warm(command, cwd=tmp_path_factory.mktemp("bench"))
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
    assert [line.split()[0] for line in text] == ["tiny", "ours", "upstream", "ratio", "a"]


def test_a_run_waits_for_data_and_the_plugin_by_shares_of_its_steps(result):
    run = result["run"]
    assert run["steps"] == 4 and run["workers"] == 2
    assert run["plugin"] == pytest.approx(sum(run["callbacks"].values())) and "FiniteGradients" in run["callbacks"]
    assert 0 < run["ratio"]["data_wait"] < 1 and 0 < run["ratio"]["plugin"] < 0.5
    assert 0 < run["data_wait"] + run["plugin"] < run["steps"] * run["seconds"]


def test_the_account_leaves_out_the_first_steps_and_what_is_no_part_of_one():
    account = Account()
    account.ours = {"[Callback]Ours.on_train_batch_end": "Ours"}
    slow = [9.0] * WARM
    account.found |= {
        "[_TrainingEpochLoop].train_dataloader_next": [*slow, 0.5, 0.5],
        "run_training_batch": [*slow, 3.0, 4.0],
        "[Callback]Ours.on_train_batch_end": [*slow, 0.5, 0.5],
        "[Callback]Ours.on_validation_end": [7.0],
    }
    shares = account.shares()
    assert shares["seconds"] == 4.5 and shares["callbacks"] == {"Ours": 0.5}
    assert shares["ratio"] == {"data_wait": 0.5 / 4.5, "plugin": 0.5 / 4.5}
