"""Before the first step: a model that looks and listens passes, one that cannot is refused by name. Both checkouts."""

import json

import pytest
from support.checkouts import SUPPORT
from support.runs import TRAIN, run_folder, write_package

from robovlms_mobile.training.watch.audit import another_text

pytestmark = pytest.mark.heavy
IMAGE, WORDS = 8, 18  # tokens of the tiny model's picture, and of an instruction without its last


@pytest.fixture(scope="module")
def audits(upstream_root, run_python, tiny_vlm, episodes):
    """Case → what an audit found; see probe_audit.py."""
    env = {"PYTHONPATH": SUPPORT.parent}
    done = run_python([SUPPORT / "probe_audit.py", upstream_root, tiny_vlm, episodes], cwd=upstream_root, env=env)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("case", ["sound", "checkpointed"])
def test_every_token_of_a_sound_model_reaches_the_action(audits, case):
    assert audits[case]["faults"] == audits[case]["unchecked"] == []
    assert audits[case]["tokens"] == {"image": IMAGE, "instruction": WORDS}


def test_an_instruction_without_a_side_is_held_against_another(audits):
    assert audits["another"]["faults"] == []


def test_one_instruction_for_left_and_right_is_a_doubt_about_the_data(audits):
    (doubt,) = audits["another"]["doubts"]
    assert "one instruction, 'Drive to the cup.'" in doubt and audits["sound"]["doubts"] == []


def test_nothing_is_left_changed(audits):
    assert audits["untouched"] == []


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("overwritten", ["8 of 8 image tokens", "8 of 18 tokens of the instruction", "overwritten"]),
        ("detached", ["8 of 8 image tokens", "detached"]),
        ("half_masked", ["4 of 8 image tokens", "(numbers 4-7)", "masked"]),
        ("never_put_in", ["the instruction never gets to the model", "on the left", "on the right"]),
        ("constant_picture", ["the picture does not change the action"]),
        ("frozen_picture", ["the vision tower is to be trained and gets no gradient"]),
    ],
)
def test_a_deaf_or_blind_model_is_refused_and_what_it_lacks_is_named(audits, case, words):
    found = " ".join(audits[case]["faults"])
    assert [word for word in words if word not in found] == []


@pytest.mark.parametrize(
    ("case", "words"), [("nothing_yet", "a layer of it is 0"), ("overflowing", "not finite at this precision")]
)
def test_a_head_that_begins_at_zero_and_gradients_that_overflow_are_no_verdict(audits, case, words):
    assert audits[case]["faults"] == []
    (why,) = audits[case]["unchecked"]
    assert words in why


def test_left_and_right_are_swapped_in_both_languages_and_else_another_text_is_taken():
    assert another_text("on the left to the right") == "on the right to the left"
    assert another_text("왼쪽으로") == "오른쪽으로"
    assert another_text("Drive to the cup.") != "Drive to the cup."


DEAF = """
from lightning.pytorch.callbacks import Callback

class Deaf(Callback):
    def on_fit_start(self, trainer, pl_module):
        kosmos, stock = pl_module.model.backbone, pl_module.model.backbone.forward
        count = kosmos.config.latent_query_num

        def forward(inputs_embeds, **kwargs):
            blind = inputs_embeds.clone()
            blind[:, 1 : 1 + count] = 0
            return stock(inputs_embeds=blind, **kwargs)

        kosmos.forward = forward

def callbacks():
    return [Deaf()]
"""


@pytest.fixture(scope="module")
def blind(tmp_path_factory):
    """A folder for PYTHONPATH: a package whose callback makes every model blind."""
    entry = "[lightning.pytorch.callbacks_factory]\nblind = blind:callbacks\n"
    return {"PYTHONPATH": str(write_package(tmp_path_factory.mktemp("site"), "blind", DEAF, entry))}


def test_a_blind_run_stops_before_it_wrote_anything(upstream_root, run_python, write_config, tmp_path, blind):
    done = run_python([*TRAIN, upstream_root, write_config(tmp_path)], cwd=tmp_path, env=blind)
    assert done.returncode != 0 and "Traceback" not in done.stderr
    assert "8 of 8 image tokens" in done.stderr and '"audit": "warn"' in done.stderr
    assert not list((tmp_path / "runs").rglob("run.json"))


@pytest.mark.slow
def test_a_blind_run_goes_on_where_the_config_says_so(upstream_root, run_python, write_config, tmp_path, blind):
    config = write_config(tmp_path, mobile={"audit": "warn"})
    done = run_python([*TRAIN, upstream_root, config], cwd=tmp_path, env=blind)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "robovlms-mobile: audit: 8 of 8 image tokens" in done.stderr and "The run goes on" in done.stderr
    record = json.loads((run_folder(tmp_path) / "run.json").read_text())
    assert record["status"] == "finished" and "8 of 8 image tokens" in record["audit"]["faults"][0]
