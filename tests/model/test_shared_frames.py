"""An episode as one batch: the gradients of its windows apart, for a part of their work. On both checkouts."""

import json

import pytest
import torch
from support.checkouts import SUPPORT

from robovlms_mobile.model.shared_frames import as_windows

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module", params=["MobileLSTMDecoder", "MobileKeyDecoder"])
def seen(request, upstream_root, run_python, tiny_vlm):
    done = run_python(
        [SUPPORT / "probe_episode.py", upstream_root, tiny_vlm, request.param],
        cwd=upstream_root,
        env={"PYTHONPATH": SUPPORT.parent},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_gradients_and_predictions_are_those_of_the_windows_apart(seen):
    assert seen["same_names"] and seen["gradients"] > 10
    assert seen["off"] < 1e-5 and seen["predictions"] < 1e-5


def test_each_frame_goes_through_the_model_once(seen):
    assert seen["passes"] == [6, 18]


def test_past_the_end_a_window_repeats_the_last_frame():
    features = torch.arange(3.0).reshape(3, 1, 1, 1)
    assert as_windows(features, 3, 2)[..., 0, 0].tolist() == [[0, 1], [1, 2], [2, 2]]
