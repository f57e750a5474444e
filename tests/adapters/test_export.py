"""An exported folder computes what base model and adapters compute, or it is not there."""

import errno
import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from support.adapter_folders import adapted, kosmos, write_folder
from support.exported import DTYPES, hidden, left_beside, with_peft

from robovlms_mobile.adapters import export as exporting
from robovlms_mobile.adapters import merge as merging
from robovlms_mobile.adapters.export import export
from robovlms_mobile.adapters.reading import read_adapters
from robovlms_mobile.cli import main
from robovlms_mobile.errors import CheckpointError


def test_the_plain_folder_gives_plain_peft_the_same_hidden_states(run, tiny_vlm, tmp_path):
    done = export(run, tmp_path / "out")
    assert (done.merged, done.dtype, done.probe) == (False, "fp32", None)
    assert done.bytes == sum(path.stat().st_size for path in (tmp_path / "out").iterdir())
    assert left_beside(tmp_path / "out" / "x") == sorted(path.name for path in (run / "best").iterdir())
    expected = hidden(adapted(tiny_vlm).model.backbone)
    torch.testing.assert_close(hidden(with_peft(tiny_vlm, tmp_path / "out")), expected, rtol=0, atol=0)
    assert not torch.allclose(expected, hidden(kosmos(tiny_vlm)), atol=1e-3)


@pytest.mark.parametrize("dtype", ["fp16", "bf16"])
def test_the_plain_folder_takes_the_precision_asked_for(run, tiny_vlm, tmp_path, dtype):
    assert export(run, tmp_path / "out", dtype=dtype).dtype == dtype
    adapters = read_adapters(tmp_path / "out")
    assert {tensor.dtype for tensor in adapters.state.values()} == {DTYPES[dtype]}
    expected = hidden(adapted(tiny_vlm).model.backbone)
    assert 0 < (hidden(with_peft(tiny_vlm, tmp_path / "out")) - expected).abs().max() < 0.1


def test_which_picks_a_folder_and_an_unknown_one_is_told_what_there_is(run, tmp_path):
    export(run, tmp_path / "out", which="last")
    assert (tmp_path / "out" / "adapter_model.safetensors").read_bytes() == (
        run / "last" / "adapter_model.safetensors"
    ).read_bytes()
    with pytest.raises(CheckpointError, match="'epoch-0010'; it has: best, last"):
        export(run, tmp_path / "other", which="epoch-0010")


def test_values_beyond_fp16_are_refused_by_name(tiny_vlm, tmp_path):
    source = write_folder(tmp_path / "best", tiny_vlm)
    tensors = load_file(source / "policy.safetensors")
    tensors["model.act_head.bias"][0] = 1e6
    save_file(tensors, source / "policy.safetensors")
    for merge in (False, True):
        with pytest.raises(CheckpointError, match=r"model\.act_head\.bias has values up to 1e\+06"):
            export(source, tmp_path / "out", merge=merge, dtype="fp16")
    assert left_beside(tmp_path / "out") == ["best"]


def test_a_folder_in_use_is_left_alone(run, tmp_path):
    to = tmp_path / "out"
    to.mkdir()
    (to / "thesis.tex").write_text("mine")
    for force in (False, True):
        with pytest.raises(CheckpointError, match="something else than an export"):
            export(run, to, force=force)
    assert left_beside(to / "x") == ["thesis.tex"] and left_beside(to) == ["out"]


def test_an_earlier_export_is_replaced_only_with_force(run, tmp_path):
    export(run, tmp_path / "out", merge=True)
    with pytest.raises(CheckpointError, match="--force"):
        export(run, tmp_path / "out")
    assert (tmp_path / "out" / "model.safetensors").exists()
    export(run, tmp_path / "out", force=True)
    assert not (tmp_path / "out" / "model.safetensors").exists()
    assert left_beside(tmp_path / "out") == ["out"]


def test_a_refused_merge_leaves_an_earlier_export(run, tmp_path, monkeypatch):
    export(run, tmp_path / "out")
    before = left_beside(tmp_path / "out" / "x")
    monkeypatch.setattr(merging, "add_product", lambda weight, *_: weight.float())
    with pytest.raises(CheckpointError, match="computes something else"):
        export(run, tmp_path / "out", merge=True, force=True)
    assert left_beside(tmp_path / "out" / "x") == before and left_beside(tmp_path / "out") == ["out"]


@pytest.mark.parametrize("place", ["best", "best/inside", "."])
def test_the_run_itself_is_never_written_over(run, place):
    with pytest.raises(CheckpointError, match="lie in one another"):
        export(run, run / place, force=True)
    assert left_beside(run / "x") == ["best", "last"]


def test_a_linked_target_is_refused(run, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CheckpointError, match="something else than an export"):
        export(run, tmp_path / "out", force=True)


def test_a_full_disk_leaves_nothing_behind(run, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(exporting, "save_file", full)
    with pytest.raises(CheckpointError, match=r"cannot be written: .*No space left"):
        export(run, tmp_path / "out", merge=True)
    assert left_beside(tmp_path / "out") == []


def test_too_little_room_is_said_before_anything_is_written(run, tmp_path, monkeypatch):
    monkeypatch.setattr(merging.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 99, 1))
    with pytest.raises(CheckpointError, match=r"needs 0\.00 GB, .* has 0\.00 GB free"):
        export(run, tmp_path / "out", merge=True)
    assert left_beside(tmp_path / "out") == []


def test_the_verb_prints_json_and_text(run, tmp_path, capsys):
    assert main(["export", str(run), "--to", str(tmp_path / "a"), "--merge", "--dtype", "bf16", "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert done.keys() == {"to", "merged", "dtype", "bytes", "probe", "verification", "not_verified"}
    assert done["probe"]["difference"] <= done["probe"]["tolerance"]
    assert main(["export", str(run), "--to", str(tmp_path / "b"), "--merge"]) == 0
    printed = capsys.readouterr()
    assert "12 of 12 adapted layers ran" in printed.out
    assert "Loading weights" not in printed.err and "is_gradient_checkpointing" not in printed.err
    assert main(["export", str(run), "--to", str(tmp_path / "b")]) == 1
    assert "--force" in capsys.readouterr().err
