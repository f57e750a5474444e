"""Which run is meant by a folder: itself, the one it is in, or the newest below it; the same for every verb."""

import json
import os

import pytest

from robovlms_mobile.errors import CheckpointError
from robovlms_mobile.runs import newest_run, summarise


def run_at(folder, time, epochs=1):
    """A run's folder whose record was written at `time`."""
    (folder / "last").mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"epochs": []}))
    if epochs:
        rows = [f"{n},{n},{1 / (n + 1)},,\n" for n in range(epochs)]
        (folder / "losses.csv").write_text("epoch,step,train_loss,val_loss,gap\n" + "".join(rows))
    os.utime(folder / "run.json", (time, time))
    return folder


def test_a_run_and_a_folder_of_adapters_in_it_are_that_run(tmp_path):
    run = run_at(tmp_path / "one", 1000)
    assert newest_run(run) == newest_run(str(run / "last")) == run


def test_of_several_the_one_that_wrote_last_and_ended_an_epoch(tmp_path):
    run_at(tmp_path / "a" / "old", 1000)
    wanted = run_at(tmp_path / "b" / "new", 2000, epochs=2)
    run_at(tmp_path / "b" / "begun", 3000, epochs=0)
    assert newest_run(tmp_path) == wanted
    assert summarise(tmp_path).epochs == 2


def test_a_run_without_an_epoch_is_found_where_there_is_no_other_and_has_no_summary(tmp_path):
    run = run_at(tmp_path / "begun", 1000, epochs=0)
    assert newest_run(tmp_path) == run
    with pytest.raises(CheckpointError, match="its first epoch has not ended"):
        summarise(tmp_path)


def test_a_name_that_is_no_folder_of_a_run_is_not_taken_for_the_run(tmp_path):
    run = run_at(tmp_path / "one", 1000)
    with pytest.raises(CheckpointError, match="No run in"):
        newest_run(run / "bset")
