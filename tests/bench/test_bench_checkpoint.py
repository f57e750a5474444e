"""`bench checkpoint` at the tiny size: its figures are those of the files, and its claims follow from them."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from support.checkouts import STANDIN

from robovlms_mobile.bench import short_run
from robovlms_mobile.cli.bench import format_checkpoint
from robovlms_mobile.errors import MobileError

CONFIG = Path(__file__).resolve().parents[2] / "configs" / "mobile_vla_lora.json"
PLACES = ("model_path", "model_config", "output_root", "log_root", "cache_root")
MEASURE = """
import json, sys
from robovlms_mobile.bench import checkpoint, short_run
root, folder = sys.argv[1:]
measured = short_run.at_end_of_run(root, folder, "tiny", lambda *run: checkpoint._measure(*run, rounds=1))
print(json.dumps(measured))
"""


pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def measured(upstream_root, run_python, tmp_path_factory):
    """What was measured in one round, and the folder of the run it was measured in."""
    folder = tmp_path_factory.mktemp("short")
    done = run_python(["-c", MEASURE, upstream_root, folder], cwd=folder)
    assert done.returncode == 0, done.stderr[-3000:]
    (record,) = folder.rglob("run.json")
    return json.loads(done.stdout), record.parent


@pytest.fixture(scope="module")
def printed(run_python, tmp_path_factory):
    """The verb's JSON, and the folder it had for its temporary files."""
    folder = tmp_path_factory.mktemp("scratch")
    verb = ["-m", "robovlms_mobile", "bench", "checkpoint", "--size", "tiny", "--json", "--root", STANDIN]
    done = run_python(verb, cwd=folder, env={"TMPDIR": str(folder)})
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout), folder


def test_bytes_are_those_of_the_files(measured):
    sizes, run = measured[0]["bytes"], measured[1]
    assert sizes["state"] == (run / "last.ckpt").stat().st_size
    assert sizes["adapters"] == (run / "last" / "adapter_model.safetensors").stat().st_size
    assert sizes["adapter_folder"] == sum(path.stat().st_size for path in (run / "last").iterdir())
    assert sizes["adapters_fp16"] < 0.6 * sizes["adapters"]
    assert sizes["adapter_folder_fp16"] < 0.6 * sizes["adapter_folder"]


def test_best_adds_only_words_where_last_is_already_written(measured):
    sizes, run = measured[0]["bytes"], measured[1]
    assert (run / "best" / "policy.safetensors").samefile(run / "last" / "policy.safetensors")
    assert 0 < sizes["best_besides"] < 10_000


def test_upstreams_file_is_the_whole_module_with_its_moments_and_is_gone(measured):
    made_of, run = measured[0]["made_of"]["upstream"], measured[1]
    (base,) = run.parents[4].glob("base/model.safetensors")
    weights = sum(tensor.nbytes for tensor in load_file(base).values())
    gripper = made_of["frozen"] - weights  # a frozen branch of the head
    assert 0 < gripper < measured[0]["made_of"]["state"]["head"]
    assert 0 < made_of["everything_else"] < 200_000
    assert [path.name for path in run.rglob("*.ckpt")] == ["last.ckpt"]


def test_the_state_is_what_it_is_said_to_be_made_of(measured):
    made_of, run = measured[0]["made_of"]["state"], measured[1]
    assert sum(made_of.values()) == measured[0]["bytes"]["state"]
    for part in ("lora", "head", "token"):
        assert made_of[f"moments_{part}"] == 2 * made_of[part] > 0
    trained = torch.load(run / "last.ckpt", weights_only=True)["state_dict"].values()
    assert made_of["lora"] + made_of["head"] + made_of["token"] == sum(tensor.nbytes for tensor in trained)
    assert 0 < made_of["everything_else"] < 200_000


def test_upstream_and_the_state_hold_the_same_training(measured):
    upstream, state = (measured[0]["made_of"][name] for name in ("upstream", "state"))
    assert upstream["trained"] == state["lora"] + state["head"] + state["token"]


@pytest.mark.slow
def test_the_verb_prints_json_alone_and_leaves_nothing_behind(printed):
    result, folder = printed
    assert list(result) == ["tiny"]
    assert not list(folder.glob("robovlms-mobile-*")) and not list(folder.rglob("*.ckpt"))


def test_a_claim_holds_when_its_measured_value_is_within(printed):
    result = printed[0]["tiny"]
    assert len(result["claims"]) == 3
    for claim in result["claims"]:
        assert claim["holds"] == (claim["measured"] <= claim["at_most"])
    sizes, (adapters, state, _) = result["bytes"], result["claims"]
    assert adapters["measured"] == sizes["adapters"] / sizes["upstream"]
    assert state["measured"] == sizes["state"] / sizes["upstream"]


def test_every_second_and_ratio_is_a_positive_number(printed):
    result = printed[0]["tiny"]
    ratios = {**result["ratio"]["bytes"], **result["ratio"]}
    del ratios["bytes"]
    assert all(isinstance(each, float) and each > 0 for each in [*result["seconds"].values(), *ratios.values()])


def test_the_text_says_which_claims_do_not_hold(printed):
    text = format_checkpoint(printed[0])
    assert "does NOT hold" in text and "The claims are about Kosmos-2 of real size" in text


def test_the_run_is_the_labs_and_so_is_the_real_size(tmp_path):
    lab, real = json.loads(CONFIG.read_text()), short_run.SIZES["real"]
    config = short_run._config(tmp_path, real, tmp_path / "base", tmp_path / "episodes")
    for block in ("tokenizer", "vlm"):
        assert config[block].pop("pretrained_model_name_or_path") == str(tmp_path / "base")
        lab[block].pop("pretrained_model_name_or_path")
    own = {"exp_name", "trainer", "train_dataset", "val_dataset", *PLACES}
    assert {name for name in config if config[name] != lab[name]} == own


def test_too_little_memory_is_said_before_anything_is_written(monkeypatch, tmp_path):
    monkeypatch.setattr(short_run, "_free_memory", lambda: 3.0)
    with pytest.raises(MobileError, match=r"needs 16 GB of memory, free are 3\.0.*--size tiny"):
        short_run.check_room("real", tmp_path)
    short_run.check_room("tiny", tmp_path)
