"""What a run writes down for the robot, and the hash that binds it to the tensors beside it."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from support.checkouts import STANDIN
from support.policies import write_policy

from robovlms_mobile.adapters.binding import bind, contract_hash
from robovlms_mobile.adapters.trained_on import add_data
from robovlms_mobile.data.dataset import MobileVLAH5Dataset
from robovlms_mobile.data.hdf5.episode_file import read_episode

LEFT, RIGHT = "Drive around the box on the left to the cup.", "Drive around the box on the right to the cup."


class Words:
    """A tokenizer of words."""

    def decode(self, ids):
        return "An image of a robot " + " ".join(ids)


@pytest.fixture
def data(episodes, monkeypatch):
    """The training side of six episodes without a frame store, and a prompt of words."""
    monkeypatch.setattr("robovlms_mobile.data.dataset._own_transform", lambda config: None)
    role = {"data_dir": str(episodes), "is_training": True, "image_fn": len}
    made = MobileVLAH5Dataset(**role, window_size=4, fwd_pred_next_n=2, norm_action=True, norm_min=-2, norm_max=2)
    made.text_fn = lambda sentences: ([np.array(sentences[0].split())], None)
    return made


def told(data):
    contract = {"image": {}}
    add_data(contract, data, Words())
    return json.loads(json.dumps(contract))


def test_sentences_prompt_pace_and_size_are_those_of_the_episodes(data):
    found = told(data)
    assert sum(found["instructions"].values()) == len(data.episodes)
    example, template = found["prompt_template"]["example"], found["prompt_template"]
    assert template["text"] == "An image of a robot {instruction}" and template["ids"] == example.split()
    paces = [each.seconds / each.length for each in data.episodes]
    assert found["period"]["median"] == pytest.approx(np.median(paces)) and found["period"]["episodes"] == len(paces)
    assert min(paces) <= found["period"]["low"] < found["period"]["high"] <= max(paces)
    assert found["image"]["recorded_size"] == [64, 36]


def test_what_nobody_noted_is_null(data):
    data.episodes = [replace(each, seconds=None, size=None) for each in data.episodes]
    found = told(data)
    assert found["image"]["recorded_size"] is None
    assert {found["period"][name] for name in ("low", "median", "high")} == {None}


def test_a_sentence_that_only_mirroring_says_was_trained_too(data):
    data.block = replace(data.block, mirror=0.5, instruction={"left": LEFT, "default": LEFT})
    assert told(data)["instructions"] == {LEFT: len(data.episodes), RIGHT: len(data.episodes)}
    data.block = replace(data.block, instruction="Go on, right now.")  # in doubt: is not mirrored
    assert told(data)["instructions"] == {"Go on, right now.": len(data.episodes)}


@pytest.mark.parametrize("noted", [0, -3.0, float("nan"), float("inf"), "long"])
def test_a_duration_that_is_none_is_not_known(episodes, tmp_path, noted):
    import h5py

    path = shutil.copy(sorted(episodes.glob("*.h5"))[0], tmp_path)
    assert read_episode(path).seconds > 0
    with h5py.File(path, "a") as file:
        file.attrs["total_duration"] = noted
    assert read_episode(path).seconds is None


def test_a_run_of_decoded_episodes_knows_them_without_opening_a_file(patched_run):
    found = json.loads(next(patched_run.folder.rglob("best/contract.json")).read_text())
    assert found["image"]["recorded_size"] == [64, 36] and found["period"]["low"] > 0
    assert sum(found["instructions"].values()) >= 4 and found["prompt_template"]["ids"]
    assert found["dtype"] == "fp32" and found["execute"] == 1 and found["versions"]["torch"]
    assert "robovlms_mobile.data.hdf5.inspect" not in patched_run.facts["lines"]


def test_what_training_predicted_of_a_validation_episode_stands_beside_what_it_saved(patched_run):
    found = json.loads(next(patched_run.folder.rglob("best/metrics.json")).read_text())["predicted"]
    assert found["episode"].endswith(".h5") and np.array(found["actions"]).shape[0] == 6


def test_every_folder_of_a_run_is_bound(patched_run):
    folders = {path.parent for path in patched_run.folder.rglob("contract.json")}
    assert {folder.name for folder in folders} >= {"best", "last"}
    for folder in folders:
        said = json.loads((folder / "contract.json").read_text())
        assert said["hash"] == contract_hash(folder, said) and len(said["hash"]) == 64


@pytest.fixture(scope="module")
def bound(tiny_vlm, tmp_path_factory):
    folder = write_policy(tmp_path_factory.mktemp("bound") / "best", tiny_vlm, STANDIN)
    bind(folder)
    return folder


@pytest.mark.parametrize("name", ["policy.safetensors", "adapter_model.safetensors", "adapter_config.json"])
def test_any_bit_of_a_file_changes_the_hash(bound, tmp_path, name):
    copy = shutil.copytree(bound, tmp_path / "copy")
    said = json.loads((copy / "contract.json").read_text())
    assert contract_hash(copy, said) == said["hash"]
    content = bytearray((copy / name).read_bytes())
    content[-1] ^= 1
    (copy / name).write_bytes(content)
    assert contract_hash(copy, said) != said["hash"]


def leaves(value, path=()):
    if isinstance(value, dict) and value:
        for key, each in value.items():
            yield from leaves(each, (*path, key))
    else:
        yield path


def test_any_value_of_the_contract_changes_the_hash_and_its_order_does_not(bound):
    said = json.loads((bound / "contract.json").read_text())
    assert contract_hash(bound, dict(reversed(said.items()))) == said["hash"]
    for path in leaves({key: each for key, each in said.items() if key != "hash"}):
        changed = json.loads(json.dumps(said))
        block = changed
        for key in path[:-1]:
            block = block[key]
        block[path[-1]] = "another"
        assert contract_hash(bound, changed) != said["hash"], path
