"""From a run to a proof: golden frames are written, replayed, and go along with what is exported."""

import json
import shutil

import pytest

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def proof(trained, run_python, tmp_path_factory):
    """What each verb printed of a copy of the run, as JSON, in the order a user calls them."""
    place = tmp_path_factory.mktemp("proof")
    run, merged, adapters = place / "run", place / "merged", place / "half"
    shutil.copytree(trained.run, run)
    at = ["--root", trained.root, "--json"]
    calls = {
        "before": ["verify", run / "best", *at],
        "merging": ["export", run, "--to", merged, "--merge", *at],  # writes them where there are none
        "best": ["verify", run / "best", *at],
        "written": ["verify", run, "--write", *at],
        "merged": ["verify", merged, *at],
        "halving": ["export", run, "--to", adapters, "--dtype", "fp16", *at],
        "half": ["verify", adapters, *at],
    }
    found = {}
    for name, call in calls.items():
        done = run_python(["-m", "robovlms_mobile", *call], cwd=trained.home)
        found[name] = json.loads(done.stdout) if done.stdout else done.stderr
    return found


def test_a_folder_without_golden_frames_names_the_command_that_writes_them(proof):
    assert "verify ADAPTERS --write" in proof["before"] and "Traceback" not in proof["before"]


def test_what_is_written_is_what_training_predicted(proof):
    assert proof["written"]["from_training"] < 1e-5
    assert proof["written"]["bytes"] < 3_000_000


def test_the_run_and_what_is_exported_of_it_are_the_same_policy(proof):
    assert proof["best"]["same"] and proof["best"]["difference"] == 0 and len(proof["best"]["hash"]) == 64
    assert proof["merging"]["verification"]["same"] and proof["merged"]["same"] and proof["half"]["same"]
    assert proof["merged"]["difference"] < 1e-5 and proof["merged"]["differs"] == []
    assert proof["halving"]["not_verified"] is None
    assert proof["half"]["hash"] != proof["best"]["hash"]
