"""What our backbone leaves out of a training step changes nothing that is trained. On stand-in and real checkout."""

import json

import pytest
from support.checkouts import SUPPORT

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def seen(upstream_root, run_python, tiny_vlm):
    done = run_python(
        [SUPPORT / "probe_work.py", upstream_root, tiny_vlm], cwd=upstream_root, env={"PYTHONPATH": SUPPORT.parent}
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_loss_and_gradients_are_bit_for_bit_the_same(seen):
    assert seen["same"] and seen["gradients"] > 10


def test_it_is_less_work_and_keeps_less(seen):
    ours, theirs = seen["flops"]
    assert ours < theirs
    ours, theirs = seen["kept"]
    assert ours < theirs


def test_a_vision_tower_that_is_trained_gets_its_gradients(seen):
    assert seen["vision_trains"] > 3
