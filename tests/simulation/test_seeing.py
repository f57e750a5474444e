"""The tiny Kosmos-2 that the package ships sees where things stand; a random one of its shape does not."""

import hashlib
import json
from dataclasses import replace

import pytest
import transformers
from support.processes import run_python

from robovlms_mobile.simulation.camera import Camera
from robovlms_mobile.simulation.captions import caption
from robovlms_mobile.simulation.filming import FILMED, film
from robovlms_mobile.simulation.pretraining import Prompts, measure
from robovlms_mobile.simulation.room import room
from robovlms_mobile.simulation.tiny_vlm import HALF, RECORD, SEEING, SHIPPED, make_seeing_vlm, make_tiny_vlm, record_of
from robovlms_mobile.simulation.world import Box, Cup

NEVER_SEEN = range(5000, 5012)  # numbers of rooms that pretraining takes neither to train nor to measure


@pytest.fixture(scope="module")
def frames():
    return film(NEVER_SEEN, SEEING.image, seed=0)


def figures(folder, frames):
    model = transformers.Kosmos2ForConditionalGeneration.from_pretrained(folder)
    return measure(model, Prompts(folder), frames)


def test_it_says_where_boxes_and_cup_are_in_rooms_it_has_never_seen(tmp_path, frames):
    seeing = figures(make_seeing_vlm(tmp_path / "seeing"), frames)
    blind = figures(make_tiny_vlm(tmp_path / "blind", shape=SEEING), frames)
    assert seeing["side_accuracy"] > 0.85 and seeing["cup_ahead_cm"] < 40
    assert blind["side_accuracy"] < 0.6 and blind["loss"] > 2 * seeing["loss"]


def test_what_is_shipped_is_small_and_what_its_record_says():
    content, record = (SHIPPED / HALF).read_bytes(), record_of(SHIPPED)
    assert len(content) <= 800_000
    assert hashlib.sha256(content).hexdigest() == record["sha256"]
    assert "no actions" in record["trained_on"] and record["figures"]["side_accuracy"] > 0.85


def test_a_folder_made_anew_says_what_it_was_trained_on_only_where_it_was(tmp_path):
    folder = make_seeing_vlm(tmp_path / "vlm")
    assert json.loads((folder / RECORD).read_text()) == record_of(SHIPPED)
    make_tiny_vlm(folder, overwrite=True)
    assert record_of(folder) is None


@pytest.mark.slow
def test_the_same_seed_and_steps_give_the_same_weights(tmp_path):
    code = (
        "import sys; from robovlms_mobile.simulation.pretraining import pretrain\n"
        "if __name__ == '__main__':\n    pretrain(sys.argv[1], steps=2, worlds=8)"
    )
    (tmp_path / "pretrain_here.py").write_text(code)
    records = []
    for name in ("one", "other"):
        done = run_python([tmp_path / "pretrain_here.py", tmp_path / name], cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        records.append(record_of(tmp_path / name))
    assert records[0]["sha256"] == records[1]["sha256"]
    assert records[0]["steps"] == 2 and records[0]["held_out"]["frames"] > 0


def test_a_caption_tells_what_is_in_sight_in_centimetres_of_the_robots_axes():
    world = replace(room(0, 0), boxes=(Box(1.0, 0.1, 0.3, 0.4, 0.3, (0.5, 0.5, 0.5)),), cup=Cup(2.0, -0.2, (1, 0, 0)))
    camera = Camera(world, 0.0, FILMED)
    assert caption(world, camera, (0.0, 0.0, 0.0)) == "box 85 left 30 right 10 red cup 200 right 20"
    assert caption(world, camera, (3.0, 0.0, 0.0)) == "no box no cup"
