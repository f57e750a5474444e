"""All seven backbones: LoRA where it belongs, upstream's behaviour where LoRA is off. On stand-in and real checkout."""

import json
import math

import pytest
from support.checkouts import SUPPORT

pytestmark = pytest.mark.heavy

NAMES = ("RoboFlamingo", "RoboKosMos", "RoboLLaVA", "RoboMoonDream", "RoboPaligemma", "RoboQwen", "RoboUform")


@pytest.fixture(scope="module")
def trainable(upstream_root, run_python, tmp_path_factory):
    """Names of the trainable parameters by backbone and setup, from one process on this checkout."""
    folder = tmp_path_factory.mktemp("zoo")
    (folder / "config.json").write_text("{}")
    zoo = SUPPORT / "zoo.py"
    done = run_python([zoo, upstream_root, folder], cwd=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def without_head(names):
    return [name for name in names if not name.startswith(("act_head.", "action_token"))]


@pytest.mark.parametrize("name", NAMES)
def test_with_lora_off_the_same_is_trained_as_by_upstream(trainable, name):
    assert trainable[name]["off"] == trainable[name]["stock"]


@pytest.mark.parametrize("name", NAMES)
def test_with_a_frozen_backbone_only_lora_in_the_text_layers_is_trained(trainable, name):
    lora = without_head(trainable[name]["lora"])
    layers = 4 if name == "RoboFlamingo" else 2  # Flamingo's text model also has two cross-attention layers
    linears = {"RoboLLaVA": 4, "RoboUform": 7}.get(name, 6)  # MPT's and Llama's layers, everyone else's
    assert len(lora) == layers * linears * 2  # an A and a B each
    assert all(".lora_" in each for each in lora)
    forbidden = ("vision", "visual", "image", "projector", "projection", "lm_head")
    assert not [each for each in lora if any(word in each for word in forbidden)]


@pytest.mark.parametrize("name", NAMES)
def test_the_policy_head_stays_trained(trainable, name):
    assert [each for each in trainable[name]["lora"] if each.startswith("act_head.")]


@pytest.mark.parametrize("name", NAMES)
def test_train_vision_means_what_it_says(trainable, name):
    more = set(trainable[name]["vision"]) - set(trainable[name]["lora"])
    assert len(more) == 12 and all(any(word in each for word in ("vision", "visual", "image")) for each in more)
    assert not any(".lora_" in each for each in more)


@pytest.mark.parametrize("name", NAMES)
def test_train_text_embedding_means_what_it_says(trainable, name):
    more = set(trainable[name]["embedding"]) - set(trainable[name]["lora"])
    assert len(more) == 1 and more.pop().endswith(("wte.weight", "embed_tokens.weight"))


@pytest.mark.parametrize("name", NAMES)
def test_a_step_through_upstreams_forward_reaches_every_adapter(trainable, name):
    run = trainable[name]["run"]
    second = [each for each in trainable[name]["lora"] if ".lora_B." in each]  # the first halves wait for these
    assert math.isfinite(run["loss"]) and run["loss"] > 0
    assert second and not set(second) - set(run["given"])
    assert any(each.startswith("act_head.") for each in run["given"])


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_is_predicted_as_it_is_alone(trainable, name):
    assert trainable[name]["run"]["apart"] <= 1e-5 < trainable[name]["run"]["spread"]


@pytest.mark.parametrize("name", NAMES)
def test_picture_and_instruction_reach_the_action_of_every_backbone(trainable, name):
    """Of "<s> left </s>" all but the last token. What Flamingo reads elsewhere has no gradient: that is said."""
    found, own_way = trainable[name]["audit"], name == "RoboFlamingo"
    assert found["faults"] == [] and len(found["unchecked"]) == 2 * own_way
    assert found["tokens"] == ({} if own_way else {"image": 6, "instruction": 5})


REMOTE = """
import json, sys
from pathlib import Path
from robovlms_mobile.errors import ModelError
from robovlms_mobile.model import backbones
folder = Path("tokenizer")
folder.mkdir()
(folder / "config.json").write_text("{}")
(folder / "code.py").write_text("from pathlib import Path; Path('ran').touch()")
names = {"auto_map": {"AutoTokenizer": [None, "code.Own"]}, "tokenizer_class": "Own"}
(folder / "tokenizer_config.json").write_text(json.dumps(names))
backbone = getattr(backbones, sys.argv[1])
try:
    backbones._check_tokenizer(
        {"type": "AutoTokenizer", "pretrained_model_name_or_path": str(folder)}, backbone.remote_code
    )
except ModelError:
    pass
"""


@pytest.mark.parametrize("name", ["RoboKosMos", "RoboMoonDream"])
@pytest.mark.heavy
def test_python_in_a_models_folder_runs_only_for_a_model_that_needs_it(upstream_root, run_python, tmp_path, name):
    code = "from robovlms_mobile.launch import placeholders; placeholders.install()\n" + REMOTE
    environ = {"PYTHONPATH": upstream_root, "HF_HOME": tmp_path / "hub", "HF_HUB_OFFLINE": 1}
    done = run_python(["-c", code, name], tmp_path, environ)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "ran").exists() == (name == "RoboMoonDream")
