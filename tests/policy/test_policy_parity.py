"""Shown a file's raw frames one by one, the policy says what training's forward says of it; without Lightning."""

import json

import pytest
from support.checkouts import SUPPORT

from robovlms_mobile.simulation.recordings import write_episodes


def probe(upstream_root, run_afresh, vlm, episodes, count, place):
    arguments = [SUPPORT / "probe_policy.py", upstream_root, vlm, episodes, str(count), place]
    done = run_afresh(arguments, cwd=place, env={"PYTHONPATH": SUPPORT.parent}, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_the_policy_is_trainings_forward_on_every_frame(upstream_root, run_afresh, tiny_vlm, episodes, tmp_path):
    seen = probe(upstream_root, run_afresh, tiny_vlm, episodes, 3, tmp_path)
    assert seen["frames"] == 3 * 18 and seen["moves"] > 1e-3
    assert seen["off"] <= 1e-5
    assert seen["loaded"] == [], "driving needs neither Lightning nor upstream's trainer"


@pytest.mark.slow
def test_the_policy_is_trainings_forward_on_twenty_episodes(upstream_root, run_afresh, tiny_vlm, tmp_path):
    write_episodes(tmp_path / "data", episodes=24, seed=3, size=(160, 90))
    seen = probe(upstream_root, run_afresh, tiny_vlm, tmp_path / "data", 20, tmp_path)
    assert seen["frames"] == 20 * 18 and seen["off"] <= 1e-5
