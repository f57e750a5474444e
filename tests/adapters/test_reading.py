"""An adapter folder that somebody tampered with is refused with every offender named, before anything changes."""

import json
import os
import pickle
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from support.adapter_folders import HEAD, adapted, change_json, kosmos, write_folder

from robovlms_mobile.adapters.loading import load_into, trained_tensors
from robovlms_mobile.adapters.reading import check_base, read_adapters
from robovlms_mobile.errors import CheckpointError, ModelError
from robovlms_mobile.model.lora import is_lora
from robovlms_mobile.simulation.tiny_vlm import make_tiny_vlm

Q_PROJ = "text_model.model.layers.0.self_attn.q_proj"
Q = f"base_model.model.{Q_PROJ}"


@pytest.fixture(scope="module")
def written(tiny_vlm, tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("written") / "best", tiny_vlm)


@pytest.fixture
def folder(written, tmp_path):
    """A copy to tamper with."""
    return shutil.copytree(written, tmp_path / "best")


def refused(folder, module=None):
    """The message with which a folder is refused."""
    with pytest.raises(CheckpointError) as caught:
        read_adapters(folder, module)
    return str(caught.value)


def change_tensors(path, change):
    """Rewrite a safetensors file after `change(tensors)`."""
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)


def test_a_folder_as_written_is_read_whole(written):
    adapters = read_adapters(written)
    assert len(adapters.lora) == 2 * 6 * 2
    assert adapters.policy.keys() == HEAD.keys()
    assert adapters.config["r"] == 4 and adapters.metrics["monitor"] == "val_loss"
    a, b = adapters.pairs[Q_PROJ]
    assert (a.shape, b.shape) == ((4, 64), (64, 4))
    assert f"{Q_PROJ}.weight" in adapters.weights
    assert f"model.backbone.{Q_PROJ}.lora_A.default.weight" in adapters.state


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_read_as_it_is(folder, dtype):
    change_tensors(folder / "adapter_model.safetensors", lambda t: t.update({k: v.to(dtype) for k, v in t.items()}))
    assert {tensor.dtype for tensor in read_adapters(folder).lora.values()} == {dtype}


def test_trained_biases_are_read(tiny_vlm, tmp_path):
    adapters = read_adapters(write_folder(tmp_path / "best", tiny_vlm, bias="all"))
    assert any(name.endswith("q_proj.base_layer.bias") for name in adapters.lora)


def test_links_and_odd_files_are_all_named(folder, tmp_path):
    for name in ("policy.safetensors", "contract.json"):
        (folder / name).rename(tmp_path / name)
        (folder / name).symlink_to(tmp_path / name)
    os.mkfifo(folder / "pipe")
    (folder / "metrics.json").unlink()
    (folder / "sub").mkdir()
    message = refused(folder)
    assert "symbolic links: 'contract.json', 'policy.safetensors'" in message
    assert "not regular files: 'pipe', 'sub'" in message
    assert "missing files: 'metrics.json'" in message


def test_a_linked_or_absent_folder_is_refused(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder)
    assert "The folder is a symbolic link" in refused(tmp_path / "link")
    assert "There is no such folder" in refused(tmp_path / "gone")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1]", "expected an object, is a list"),
        ("{", "Expecting"),
        ("[" * 100_000, "recursion"),
        ('{"x": NaN}', "NaN is not JSON"),
        ('{"x": ' + "1" * 10_000 + "}", "digits"),
        ('{"x": "' + "y" * 1_000_000 + '"}', "expected at most 1000000"),
        (b"\xff\xfe", "decode"),
    ],
)
@pytest.mark.parametrize("name", ["adapter_config.json", "contract.json", "metrics.json"])
def test_damaged_json_is_refused(folder, name, text, words):
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    message = refused(folder)
    assert f"{name}: " in message and words in message


@pytest.mark.parametrize(
    "option",
    [
        {"peft_type": "LOHA"},
        {"r": 0},
        {"r": 4.0},
        {"r": True},
        {"r": 10**9},
        {"lora_alpha": "8"},
        {"lora_alpha": -1},
        {"lora_dropout": 2},
        {"bias": "some"},
        {"target_modules": ["q_proj"]},
        {"target_modules": "(a+)+b"},
        {"target_modules": ".*"},
        {"modules_to_save": ["lm_head"]},
        {"use_dora": True},
        {"use_rslora": True},
        {"auto_mapping": {"base_model_class": "X"}},
        {"rank_pattern": {"q_proj": 8}},
        {"alpha_pattern": {"q_proj": 8}},
        {"init_lora_weights": "pissa"},
        {"layer_replication": [[0, 1]]},
        {"an_option_of_tomorrow": 1},
    ],
)
def test_options_that_this_package_never_writes_are_refused(folder, option):
    change_json(folder / "adapter_config.json", **option)
    assert repr(next(iter(option))) in refused(folder)


def test_missing_options_are_all_named(folder):
    (folder / "adapter_config.json").write_text("{}")
    message = refused(folder)
    assert all(f"lacks {name}" in message for name in ("peft_type", "r", "lora_alpha", "bias", "target_modules"))


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "policy.safetensors"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "damaged"),
        (b"\x08", "damaged"),
        ((2**62).to_bytes(8, "little") + b"{}", "its header claims 4611686018427387904 bytes"),
        ((2).to_bytes(8, "little") + b"[]", "damaged"),
        (pickle.dumps(print), "its header claims"),
    ],
)
def test_damaged_tensor_files_are_refused(folder, name, content, words):
    (folder / name).write_bytes(content)
    message = refused(folder)
    assert f"{name}: " in message and words in message


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "policy.safetensors"])
def test_an_absurdly_large_file_is_refused_unread(folder, name):
    os.truncate(folder / name, 17 * 10**9)  # sparse
    assert f"{name}: 17000000000 bytes, expected at most 16000000000" in refused(folder)


def test_a_file_longer_or_shorter_than_its_tensors_is_refused(folder):
    path = folder / "adapter_model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole + bytes(1_000_000))
    assert "damaged" in refused(folder)
    path.write_bytes(whole[:-1])
    assert "damaged" in refused(folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.pop(f"{Q}.lora_B.weight"), f"without their partner: '{Q_PROJ}.lora_A'"),
        (lambda t: t.pop(f"{Q}.lora_A.weight"), f"without their partner: '{Q_PROJ}.lora_B'"),
        (lambda t: t.update(extra=torch.ones(1)), "1 unexpected tensors: 'extra'"),
        (lambda t: t.update({f"{Q}.base_layer.bias": torch.ones(64)}), "unexpected tensors"),
        (lambda t: t.update({f"{Q}.lora_A.weight": torch.ones(5, 64)}), "(5, 64)"),
        (lambda t: t.update({f"{Q}.lora_B.weight": torch.ones(4, 64)}), "(4, 64)"),
        (lambda t: t.update({f"{Q}.lora_A.weight": torch.ones(4, 2**19)}), "(4, 524288)"),
        (lambda t: t.update({f"{Q}.lora_A.weight": torch.ones(4, 64).double()}), "(F64)"),
        (lambda t: t.update({f"{Q}.lora_A.weight": torch.ones(4, 64).int()}), "(I32)"),
        (lambda t: t[f"{Q}.lora_A.weight"].fill_(torch.nan), f"NaN or infinite values in '{Q}.lora_A.weight'"),
        (lambda t: t[f"{Q}.lora_B.weight"].fill_(torch.inf), f"NaN or infinite values in '{Q}.lora_B.weight'"),
        (lambda t: t.clear(), "no adapters in it"),
    ],
)
def test_adapter_tensors_that_do_not_belong_are_named(folder, change, words):
    change_tensors(folder / "adapter_model.safetensors", change)
    assert words in refused(folder)


def test_a_layer_outside_the_targets_is_named(folder):
    def add(tensors):
        for side, shape in (("A", (4, 64)), ("B", (64, 4))):
            tensors[f"base_model.model.text_model.lm_head.lora_{side}.weight"] = torch.ones(shape)

    change_tensors(folder / "adapter_model.safetensors", add)
    assert "1 layers outside target_modules: 'text_model.lm_head'" in refused(folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.update({"act_head.weight": torch.ones(1)}), "unexpected tensors: 'act_head.weight'"),
        (lambda t: t.update({f"model.backbone.{Q_PROJ}.lora_A.default.weight": torch.ones(1)}), "unexpected tensors"),
        (lambda t: t.update({"model.act_head.bias": torch.ones(3).long()}), "(I64)"),
        (lambda t: t["model.act_head.bias"].fill_(torch.nan), "NaN or infinite values in 'model.act_head.bias'"),
    ],
)
def test_policy_tensors_that_do_not_belong_are_named(folder, change, words):
    change_tensors(folder / "policy.safetensors", change)
    assert words in refused(folder)


@pytest.mark.parametrize("value", [7, "short", "z" * 31, ["a"]])
def test_a_fingerprint_that_is_none_is_refused(folder, value):
    change_json(folder / "contract.json", base_fingerprint=value)
    assert "base_fingerprint is" in refused(folder)


def test_the_base_model_is_recognised_in_memory_and_on_disk(written, tiny_vlm, tmp_path):
    adapters = read_adapters(written)
    assert check_base(adapters, tiny_vlm)
    assert check_base(adapters, adapted(tiny_vlm).model.backbone)
    other = make_tiny_vlm(tmp_path / "other", seed=1)
    for base in (other, adapted(other).model.backbone):
        with pytest.raises(CheckpointError, match="trained on another base model"):
            check_base(adapters, base)


def test_an_older_folder_without_a_fingerprint_is_no_error(folder, tiny_vlm, tmp_path):
    change_json(folder / "contract.json", base_fingerprint=None)
    assert not check_base(read_adapters(folder), tiny_vlm)
    with pytest.raises(ModelError, match="hf download"):
        check_base(read_adapters(folder), tmp_path)


def test_loading_gives_the_written_model_back(written, tiny_vlm):
    module = adapted(tiny_vlm, seed=1)
    load_into(module, read_adapters(written).state)
    expected, found = adapted(tiny_vlm, seed=0).state_dict(), module.state_dict()
    for name in expected:
        if is_lora(name):
            torch.testing.assert_close(found[name], expected[name], rtol=0, atol=0)
    head = load_file(written / "policy.safetensors")
    assert all(torch.equal(found[name], tensor) for name, tensor in head.items())


def test_a_folder_that_does_not_fit_the_model_changes_nothing(written, tiny_vlm):
    module = adapted(tiny_vlm, targets="attention", r=2)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    with pytest.raises(CheckpointError) as caught:
        load_into(module, read_adapters(written).state)
    message = str(caught.value)
    assert "8 tensors the model lacks" in message and "16 tensors of another shape" in message
    assert f"model.backbone.{Q_PROJ}.lora_A.default.weight" in message and "expected (2, 64)" in message
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())
    assert "16 tensors of another shape" in refused(written, module)  # and before any tensor is read


def test_a_trained_tensor_that_is_missing_is_named(folder, tiny_vlm):
    change_tensors(folder / "policy.safetensors", lambda t: t.pop("model.act_head.bias"))
    with pytest.raises(CheckpointError, match=r"1 trained tensors are missing: 'model\.act_head\.bias'"):
        load_into(adapted(tiny_vlm), read_adapters(folder).state)


def test_a_tensor_that_the_model_has_under_two_names_is_loaded_by_either(written, tiny_vlm):
    """Upstream's evaluation calls its act_head lm_head as well."""
    module = adapted(tiny_vlm)
    module.model.lm_head = module.model.act_head
    load_into(module, read_adapters(written).state)
    head = load_file(written / "policy.safetensors")
    assert torch.equal(module.model.lm_head.weight, head["model.act_head.weight"])


def test_a_model_without_lora_lacks_every_adapter(written, tiny_vlm):
    from support.adapter_folders import Module

    with pytest.raises(CheckpointError, match="24 tensors the model lacks"):
        load_into(Module(kosmos(tiny_vlm)), read_adapters(written).state)


@pytest.fixture
def checkpoint(tiny_vlm, tmp_path):
    """Path of a .ckpt as Lightning writes it, of trained tensors only."""
    module = adapted(tiny_vlm)
    trained = {name for name, parameter in module.named_parameters() if parameter.requires_grad}
    state = {name: tensor for name, tensor in module.state_dict().items() if name in trained}
    torch.save({"epoch": 1, "state_dict": state}, tmp_path / "last.ckpt")
    return tmp_path / "last.ckpt"


def test_a_checkpoint_of_a_run_is_read_too(checkpoint, tiny_vlm):
    module = adapted(tiny_vlm, seed=1)
    load_into(module, trained_tensors(checkpoint))
    name = f"model.backbone.{Q_PROJ}.lora_A.default.weight"
    assert torch.equal(module.state_dict()[name], adapted(tiny_vlm).state_dict()[name])


@pytest.mark.parametrize(
    ("value", "words"),
    [(torch.full((3,), torch.nan), "NaN"), (torch.ones(3).long(), "no tensors of"), ("text", "no tensors of")],
)
def test_values_of_a_checkpoint_are_checked_when_it_is_loaded(checkpoint, tiny_vlm, value, words):
    content = torch.load(checkpoint, weights_only=True)
    content["state_dict"]["model.act_head.bias"] = value
    torch.save(content, checkpoint)
    module = adapted(tiny_vlm)
    before = module.model.act_head.weight.clone()
    with pytest.raises(CheckpointError, match=words):
        load_into(module, trained_tensors(checkpoint))
    assert torch.equal(module.model.act_head.weight, before)


class Evil:
    def __reduce__(self):
        return os.mkdir, ("evil",)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", pickle.dumps(Evil()), json.dumps({}).encode()])
def test_a_checkpoint_that_torch_cannot_read_safely_is_refused(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "last.ckpt").write_bytes(content)
    with pytest.raises(CheckpointError, match="read safely"):
        trained_tensors(tmp_path / "last.ckpt")
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("content", [{"epoch": 1}, {"state_dict": [1]}, [1], {"state_dict": Evil()}])
def test_a_checkpoint_of_something_else_is_refused(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    torch.save(content, tmp_path / "last.ckpt")
    with pytest.raises(CheckpointError, match=r"read safely|no state_dict"):
        trained_tensors(tmp_path / "last.ckpt")
    assert not (tmp_path / "evil").exists()


def test_a_linked_checkpoint_is_refused(checkpoint, tmp_path):
    (tmp_path / "link.ckpt").symlink_to(checkpoint)
    with pytest.raises(CheckpointError, match="not a regular file"):
        trained_tensors(tmp_path / "link.ckpt")
