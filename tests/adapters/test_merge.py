"""A merged model computes what base model and adapters compute, or it is not there."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from support.adapter_folders import adapted, change_json, kosmos, write_folder
from support.exported import DTYPES, hidden, left_beside

from robovlms_mobile.adapters import merge as merging
from robovlms_mobile.adapters.export import export
from robovlms_mobile.adapters.merge import add_product
from robovlms_mobile.adapters.reading import read_adapters
from robovlms_mobile.errors import CheckpointError, ModelError
from robovlms_mobile.simulation.tiny_vlm import make_tiny_vlm


@pytest.mark.parametrize(("targets", "bias"), [("text", "none"), ("all", "none"), ("text", "all")])
def test_the_merged_folder_loads_plainly_and_computes_the_same(tiny_vlm, tmp_path, targets, bias):
    source = write_folder(tmp_path / "best", tiny_vlm, targets=targets, bias=bias)
    done = export(source, tmp_path / "out", merge=True)
    assert done.probe["difference"] < 1e-5 < 1e-2 < done.probe["effect"]
    assert done.probe["reached"] == done.probe["adapted"] > 0
    expected = hidden(adapted(tiny_vlm, targets=targets, bias=bias).model.backbone)
    torch.testing.assert_close(hidden(kosmos(tmp_path / "out")), expected, rtol=1e-4, atol=1e-4)


def test_the_merged_folder_is_complete(run, tmp_path):
    from transformers import AutoProcessor

    export(run, tmp_path / "out", merge=True)
    AutoProcessor.from_pretrained(tmp_path / "out")
    contract = json.loads((tmp_path / "out" / "contract.json").read_text())
    assert contract["merged"] is True and len(contract["base_fingerprint"]) == 32
    assert load_file(tmp_path / "out" / "policy.safetensors").keys() == read_adapters(run / "best").policy.keys()
    assert (tmp_path / "out" / "README.md").read_text() == "# A card\n"
    assert not (tmp_path / "out" / "adapter_config.json").exists()


@pytest.mark.parametrize("dtype", ["fp32", "fp16", "bf16"])
def test_the_merged_model_takes_the_precision_asked_for(run, tmp_path, dtype):
    done = export(run, tmp_path / "out", merge=True, dtype=dtype)
    assert done.dtype == dtype and done.probe["difference"] <= done.probe["tolerance"]
    weights = load_file(tmp_path / "out" / "model.safetensors")
    assert {tensor.dtype for tensor in weights.values()} == {DTYPES[dtype]}
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["torch_dtype"] == str(DTYPES[dtype]).removeprefix("torch.")


def test_without_a_precision_every_tensor_keeps_its_own(run, tiny_vlm, tmp_path):
    base = shutil.copytree(tiny_vlm, tmp_path / "base")
    weights = load_file(base / "model.safetensors")
    halved = {name: tensor.half() if "vision" in name else tensor for name, tensor in weights.items()}
    save_file(halved, base / "model.safetensors", metadata={"format": "pt"})
    assert export(run, tmp_path / "out", merge=True, base=base).dtype == "fp16"
    merged = load_file(tmp_path / "out" / "model.safetensors")
    assert {name: tensor.dtype for name, tensor in merged.items()} == {
        name: tensor.dtype for name, tensor in halved.items()
    }


def test_shards_with_an_index_load_as_one_file_does(run, tmp_path):
    export(run, tmp_path / "one", merge=True)
    export(run, tmp_path / "many", merge=True, shard_bytes=200_000)
    shards = sorted((tmp_path / "many").glob("model-*.safetensors"))
    assert len(shards) > 3
    largest = max(tensor.nbytes for shard in shards for tensor in load_file(shard).values())
    assert all(shard.stat().st_size < max(200_000, largest) + 10_000 for shard in shards)
    torch.testing.assert_close(hidden(kosmos(tmp_path / "many")), hidden(kosmos(tmp_path / "one")), rtol=0, atol=0)


def test_a_base_of_several_shards_merges(run, tmp_path):
    export(run, tmp_path / "base", merge=True, shard_bytes=200_000)
    (tmp_path / "base" / "contract.json").unlink()
    source = shutil.copytree(run / "last", tmp_path / "last")
    change_json(source / "contract.json", base_fingerprint=None)
    done = export(source, tmp_path / "out", merge=True, base=tmp_path / "base")
    assert done.probe["difference"] < 1e-5


def test_weights_that_were_trained_beside_lora_are_merged_too(tiny_vlm, tmp_path):
    """With train_text_embedding the policy file holds the base's embedding, and its tied twin lm_head."""
    name = "text_model.model.embed_tokens.weight"
    embedding = 0.1 * torch.randn_like(load_file(tiny_vlm / "model.safetensors")[name])
    trained = {
        f"model.backbone.{name}": embedding,
        "model.backbone.text_model.lm_head.weight": embedding.clone(),
    }
    source = write_folder(tmp_path / "best", tiny_vlm, trained=trained)
    assert export(source, tmp_path / "out", merge=True).probe["difference"] < 1e-5
    merged = load_file(tmp_path / "out" / "model.safetensors")
    assert torch.equal(merged[name], embedding)
    assert not any("backbone" in name for name in load_file(tmp_path / "out" / "policy.safetensors"))


def test_a_trained_weight_that_the_base_lacks_is_named(tiny_vlm, tmp_path):
    source = write_folder(tmp_path / "best", tiny_vlm, trained={"model.backbone.gone.weight": torch.ones(2)})
    with pytest.raises(ModelError, match=r"lacks 1 weights that were trained: gone\.weight"):
        export(source, tmp_path / "out", merge=True)


def test_conv1d_weights_are_merged_the_way_they_are_stored():
    a, b = torch.randn(2, 3), torch.randn(5, 2)
    torch.testing.assert_close(add_product(torch.zeros(5, 3), a, b, 2.0, False), 2 * b @ a)
    torch.testing.assert_close(add_product(torch.zeros(3, 5), a, b, 2.0, False), (2 * b @ a).T)
    a, b = torch.randn(2, 4), torch.randn(4, 2)
    torch.testing.assert_close(add_product(torch.zeros(4, 4), a, b, 1.0, True), (b @ a).T)
    with pytest.raises(ModelError, match=r"\(3, 3\)"):
        add_product(torch.zeros(3, 3), a, b, 1.0, False)


@pytest.mark.parametrize("dtype", ["fp32", "fp16", "bf16"])
@pytest.mark.parametrize("factor", [0.0, -1.0])
def test_a_wrong_merge_is_refused_and_nothing_is_left(run, tmp_path, monkeypatch, dtype, factor):
    def wrong(weight, a, b, scale, transposed):
        return add_product(weight, a, b, factor * scale, transposed)

    monkeypatch.setattr(merging, "add_product", wrong)
    with pytest.raises(CheckpointError, match=r"computes something else .*not kept"):
        export(run, tmp_path / "out", merge=True, dtype=dtype)
    assert left_beside(tmp_path / "out") == []


def test_rounding_that_hides_the_adapters_is_refused(tiny_vlm, tmp_path, monkeypatch):
    """Adapters of little effect, in bf16: a merge that forgot them would be within rounding too."""
    source = write_folder(tmp_path / "best", tiny_vlm, spread=0.005)
    with pytest.raises(CheckpointError, match=r"rounding would hide them.*--dtype fp32"):
        export(source, tmp_path / "out", merge=True, dtype="bf16")
    assert export(source, tmp_path / "out", merge=True).probe["effect"] < 5e-3
    monkeypatch.setattr(merging, "add_product", lambda weight, *_: weight.float())
    with pytest.raises(CheckpointError, match="computes something else"):
        export(source, tmp_path / "other", merge=True)


def test_adapters_that_change_nothing_merge(tiny_vlm, tmp_path):
    source = write_folder(tmp_path / "best", tiny_vlm, spread=0.0)
    assert export(source, tmp_path / "out", merge=True).probe["effect"] == 0


def test_one_weight_left_out_is_noticed(run, tmp_path, monkeypatch):
    def partly(weight, a, b, scale, transposed):
        return add_product(weight, a, b, scale if b.shape[0] == 128 else 0.0, transposed)

    monkeypatch.setattr(merging, "add_product", partly)
    with pytest.raises(CheckpointError, match="computes something else"):
        export(run, tmp_path / "out", merge=True)


def test_another_base_model_is_refused(run, tmp_path):
    other = make_tiny_vlm(tmp_path / "other", seed=1)
    for merge in (True, False):
        with pytest.raises(CheckpointError, match="trained on another base model"):
            export(run, tmp_path / "out", base=other, merge=merge)
    assert left_beside(tmp_path / "out") == ["other"]


def test_a_base_model_that_is_not_here_is_asked_for(tiny_vlm, tmp_path):
    source = write_folder(tmp_path / "best", tiny_vlm)
    change_json(source / "adapter_config.json", base_model_name_or_path="microsoft/kosmos-2-patch14-224")
    for base in (None, tmp_path):
        with pytest.raises(ModelError, match=r"hf download .*--base"):
            export(source, tmp_path / "out", merge=True, base=base)
    export(source, tmp_path / "out")  # needs no base
    export(source, tmp_path / "other", base=tiny_vlm)
    config = json.loads((tmp_path / "other" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(tiny_vlm)


def test_a_link_out_of_the_base_folder_is_refused_but_huggingfaces_blobs_are_followed(run, tiny_vlm, tmp_path):
    snapshot, blobs = tmp_path / "models--x" / "snapshots" / "abc", tmp_path / "models--x" / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for number, path in enumerate(tiny_vlm.iterdir()):
        shutil.copy(path, blobs / str(number))
        (snapshot / path.name).symlink_to(blobs / str(number))
    assert export(run, tmp_path / "out", base=snapshot, merge=True).probe["difference"] < 1e-5
    assert not any(path.is_symlink() for path in (tmp_path / "out").iterdir())
    (tmp_path / "secret").write_text("secret")
    (snapshot / "notes.txt").symlink_to(tmp_path / "secret")
    with pytest.raises(ModelError, match=r"links that lead out of it: notes\.txt"):
        export(run, tmp_path / "other", base=snapshot, merge=True)


def test_a_quantised_base_is_refused(run, tiny_vlm, tmp_path):
    base = shutil.copytree(tiny_vlm, tmp_path / "base")
    weights = load_file(base / "model.safetensors")
    name = "text_model.model.layers.0.self_attn.q_proj.weight"
    save_file({**weights, name: weights[name].to(torch.int8)}, base / "model.safetensors", metadata={"format": "pt"})
    source = shutil.copytree(run / "best", tmp_path / "best")
    change_json(source / "contract.json", base_fingerprint=None)
    with pytest.raises(ModelError, match=r"q_proj\.weight is stored as I8"):
        export(source, tmp_path / "out", merge=True, base=base)


def test_a_class_that_transformers_lacks_is_named(run, tiny_vlm, tmp_path):
    base = shutil.copytree(tiny_vlm, tmp_path / "base")
    change_json(base / "config.json", architectures=["NoSuchModel"])
    with pytest.raises(ModelError, match="has no NoSuchModel"):
        export(run, tmp_path / "out", merge=True, base=base)
    assert left_beside(tmp_path / "out") == ["base"]


def test_a_base_that_transformers_cannot_load_is_named(run, tiny_vlm, tmp_path):
    base = shutil.copytree(tiny_vlm, tmp_path / "base")
    change_json(base / "config.json", latent_query_num="many")
    with pytest.raises(ModelError, match="does not load with transformers"):
        export(run, tmp_path / "out", merge=True, base=base)
    assert left_beside(tmp_path / "out") == ["base"]


STREAM = """
import json, math, resource, sys
from pathlib import Path
import torch
from safetensors.torch import save_file
from robovlms_mobile.adapters.merge import Merge, write_merged
from robovlms_mobile.adapters.fingerprint import weight_files

def peak():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) * 1024

folder, out, shape, r = Path(sys.argv[1]), Path(sys.argv[2]), (2048, 1024), 8
files = weight_files(folder)
pairs = {name: (torch.ones(r, shape[1]), torch.ones(shape[0], r)) for name in files}
torch.addmm(torch.ones(8, 8), torch.ones(8, 8), torch.ones(8, 8)).half()  # what libraries take once
before = peak()
merge = Merge(files, pairs, {}, 2.0, False, "F16")
write_merged(out, folder, merge, shard_bytes=32_000_000)
print(json.dumps({"grown": peak() - before, "shards": len(list(out.glob("*.safetensors")))}))
"""


def test_memory_is_a_few_tensors_however_large_the_model_is(run_python, tmp_path):
    """336 MB in tensors of 8 MB: memory grows by less than one shard of 32 MB and three tensors."""
    base, out = tmp_path / "base", tmp_path / "out"
    base.mkdir()
    out.mkdir()
    (base / "config.json").write_text("{}")
    save_file({f"layers.{n}.weight": torch.full((2048, 1024), 0.5) for n in range(40)}, base / "model.safetensors")
    kept = {"MALLOC_MMAP_THRESHOLD_": "65536"}  # or glibc keeps freed tensors for later, and they count
    done = run_python(["-c", STREAM, base, out], cwd=tmp_path, env=kept)
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout)
    assert measured["shards"] == 6
    assert measured["grown"] < 32_000_000 + 3 * 2048 * 1024 * 4
    merged = load_file(out / "model-00001-of-00006.safetensors")
    assert all(tensor.eq(0.5 + 2 * 8).all() for tensor in merged.values())
