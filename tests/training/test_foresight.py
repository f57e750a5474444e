"""What a run is told of its GPU before it begins, and what "gradient_checkpointing": "auto" comes to."""

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from support.checkouts import STANDIN

from robovlms_mobile.config.load import load_config
from robovlms_mobile.training import foresight
from robovlms_mobile.training.foresight import GIB, looked_ahead, name_of, settled, told, tried

AUTO = {"gradient_checkpointing": "auto", "lora_r": 4}
AGAIN = {"train_setup.gradient_checkpointing": True}
HOST = AGAIN | {"mobile.embeddings": "host"}


def counts(*peaks, fits):
    """Return what was tried: peaks in GiB, of which only the last fits, or not even that."""
    kinds = zip(peaks, ({}, AGAIN, HOST), strict=False)
    return [{"peak": peak * GIB, "changes": changes, "fits": fits and peak == peaks[-1]} for peak, changes in kinds]


@pytest.mark.parametrize(
    ("tries", "on", "line"),
    [
        (counts(5, fits=True), False, ""),
        (counts(9, fits=True), False, "9.0 GiB at the peak of a step predicted, the device has 16.0 GiB, so"),
        (counts(17, 12, fits=True), True, "on: 17.0 GiB at the peak of a step predicted without it, 12.0 GiB with it"),
        (counts(30, 20, 15, fits=True), True, 'does not fit; set "train_setup.gradient_checkpointing": true, "mobile'),
        (counts(30, 20, 19, fits=False), True, "it does not fit; not even"),
        (None, True, "cannot be counted"),
    ],
)
def test_auto_is_on_where_a_run_does_not_fit_without(tries, on, line):
    assert settled(AUTO, tries) == {"gradient_checkpointing": on, "lora_r": 4}
    assert line in " ".join(told(AUTO, tries, 16 * GIB))


def test_what_the_config_says_itself_stays_and_only_a_large_run_is_told_of():
    for said in ({"gradient_checkpointing": False}, {"gradient_checkpointing": True}, {}):
        assert settled(said, None) is said and settled(said, counts(17, 12, fits=True)) is said
        assert list(told(said, counts(5, fits=True), 16 * GIB)) == list(told(said, None, GIB)) == []
    first, second = told({}, counts(17, 12, fits=True), 16 * GIB)
    assert "17.0 GiB" in first and "off" not in first and "12.0 GiB then" in second


@pytest.fixture
def gpu(monkeypatch):
    """A GPU of 16 GiB, as far as a run asks torch about it."""
    device = SimpleNamespace(total_memory=16 * GIB, is_integrated=0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: device)
    monkeypatch.setitem(foresight.sys.modules, foresight.TRAINER, SimpleNamespace(__file__="/there/a/b/trainer.py"))
    return device


def test_a_run_on_a_gpu_is_counted_for_it(gpu, monkeypatch, capsys, tmp_path):
    asked = []

    def rehearse(command, **options):
        asked.append((command, json.loads(Path(command[4]).read_text()), options["env"]["CUDA_VISIBLE_DEVICES"]))
        return SimpleNamespace(stdout=json.dumps({"predicted": counts(17, 12, fits=True)}))

    monkeypatch.setattr(subprocess, "run", rehearse)
    configs = {"train_setup": AUTO, "vlm": {}, "batch_size": 1, "parent": "p.json", "output_dir": tmp_path}
    assert looked_ahead(configs)["gradient_checkpointing"] is True
    ((command, counted, visible),) = asked
    assert command[5:] == ["--for", "16.0GB", "--root", "/there", "--json"] and visible == ""
    assert counted["train_setup"] == AUTO and counted["parent"] is None
    assert capsys.readouterr().out.count("\n") == 1


def test_a_small_model_is_not_counted_unless_asked_for(gpu, tmp_path, monkeypatch):
    monkeypatch.setattr(subprocess, "run", None)  # not to be called
    with open(tmp_path / "model.safetensors", "wb") as file:
        file.truncate(GIB)
    setup = {"gradient_checkpointing": True}
    configs = {"train_setup": setup, "vlm": {"pretrained_model_name_or_path": str(tmp_path)}, "batch_size": [1, 1]}
    assert looked_ahead(configs) is setup


def test_memory_that_is_the_machines_is_not_all_for_the_run(gpu):
    assert name_of(gpu) == "16.0GB"
    gpu.is_integrated = 1
    assert name_of(gpu) == "16.0GB-shared"


@pytest.mark.heavy
def test_what_is_counted_is_what_rehearse_predicts(make_config):
    configs = load_config(make_config(train_setup=AUTO, trainer={"precision": "bf16-mixed"}))
    first, second, *_ = tried(configs, "0.001GB", STANDIN)
    assert first["changes"] == {} and second["changes"] == AGAIN
    assert not first["fits"] and first["flops"] < second["flops"]
    with pytest.raises(ValueError):
        tried({**configs, "robovlm_name": "RoboNobody"}, "16GB", STANDIN)


def test_without_a_gpu_auto_is_off_and_nothing_is_counted(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert looked_ahead({"train_setup": AUTO}) == {"gradient_checkpointing": False, "lora_r": 4}
