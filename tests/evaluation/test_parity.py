"""Frame by frame, evaluation predicts what training's forward predicts from the same frames, for every head."""

import json

import pytest
from support.checkouts import SUPPORT

pytestmark = pytest.mark.heavy

CASES = ("LSTM", "GPT", "FC", "LSTM, shifted")


@pytest.fixture(scope="module")
def seen(upstream_root, run_python, tiny_vlm, episodes):
    arguments = [SUPPORT / "probe_offline.py", upstream_root, tiny_vlm, episodes]
    done = run_python(arguments, cwd=upstream_root, env={"PYTHONPATH": SUPPORT.parent})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("case", CASES)
def test_a_frames_prediction_is_that_of_training_on_the_same_history(seen, case):
    assert seen[case]["frames"] >= 2 * 17 and seen[case]["instructions"] == 2  # far beyond a window of four
    assert seen[case]["prediction"] <= 1e-5


@pytest.mark.parametrize("case", CASES)
def test_a_frame_is_paired_with_the_action_that_training_pairs_it_with(seen, case):
    assert seen[case]["target"] <= 1e-6
    assert seen[case]["windows"] == seen[case]["frames"], "the frames that begin a window are scored, and no other"
