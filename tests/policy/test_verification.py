"""`verify` replays golden frames, and names what was planted. On the test double, in this process."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from support.checkouts import STANDIN

from robovlms_mobile.adapters.binding import bind
from robovlms_mobile.adapters.reading import read_adapters
from robovlms_mobile.data import images
from robovlms_mobile.data.actions import ActionSpace
from robovlms_mobile.data.images import ImageTransform
from robovlms_mobile.errors import CheckpointError
from robovlms_mobile.policy import MobilePolicy, replay, stepping
from robovlms_mobile.policy.golden import PAPER, TENSORS, Golden, has_golden, state_of, write_golden
from robovlms_mobile.policy.verification import proved, verify
from robovlms_mobile.simulation.tiny_vlm import make_tiny_vlm
from robovlms_mobile.versions import versions

LEFT = "Drive around the box on the left to the cup."


def pictures(count=6):
    """Frames of 64 x 36 with edges, colours and a gradient: what each mutation can be seen in."""
    rows, columns = np.mgrid[0:36, 0:64]
    found = []
    for number in range(count):
        frame = np.stack([rows * 7, columns * 4, np.full_like(rows, 30)], -1).astype(np.uint8)
        frame[8:28, 8 + 6 * number : 20 + 6 * number] = (220, 40, 20)
        found.append(frame)
    return found


@pytest.fixture(scope="module")
def folder(adapters, loaded, tmp_path_factory):
    """The adapter folder with a hash and golden frames."""
    place = tmp_path_factory.mktemp("golden") / "best"
    shutil.copytree(adapters, place)
    bind(place)
    values, prompt = replay.replay(loaded, pictures(), LEFT)
    about = {"episode": "episode.h5", "instruction": LEFT, "prompt": prompt, "versions": versions(), "device": "cpu"}
    read = read_adapters(place)
    size = write_golden(
        place, Golden(pictures(), values, about | {"from_training": None}, state_of(read, read.contract["base_model"]))
    )
    assert size < 3_000_000  # 224 pixels, six frames
    return place


def verified(folder, **options):
    return verify(folder, root=STANDIN, device="cpu", **options)


@pytest.fixture
def copy(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "best")
    return tmp_path / "best"


def test_the_same_policy_is_the_same_to_the_last_bit(folder):
    found = verified(folder)
    assert found.same and found.difference == 0 and found.dtype == "float32"


@pytest.mark.parametrize(("dtype", "most"), [("bf16", 0.15), ("fp16", 0.01)])
def test_another_precision_has_its_own_tolerance(folder, dtype, most):
    found = verified(folder, dtype=dtype)
    assert found.same and 0 < found.difference < found.tolerance == most


def test_golden_frames_disturb_nobody_who_drives(folder):
    policy, shown = MobilePolicy.from_pretrained(folder, root=STANDIN, device="cpu"), pictures()
    policy.reset(LEFT)
    alone = [policy.infer({"image": each})["actions"] for each in shown]
    policy.reset(LEFT)
    first = policy.infer({"image": shown[0]})["actions"]
    assert proved(policy).startswith("verified: velocities as recorded")
    again = [first, *(policy.infer({"image": each})["actions"] for each in shown[1:])]
    assert np.array_equal(alone, again)


def resized(change):
    stock = ImageTransform.resize
    return lambda self, image: change(self, image, stock)


def bilinear(transform, image, stock):
    made = image.resize((transform.size, transform.size), Image.Resampling.BILINEAR).convert("RGB")
    return np.ascontiguousarray(np.moveaxis(np.asarray(made), -1, 0))


def cropped(transform, image, stock):
    side = min(image.size)
    left = (image.width - side) // 2
    return stock(transform, image.crop((left, 0, left + side, side)))


def swapped(transform, image, stock):
    return np.ascontiguousarray(stock(transform, image)[::-1])


@pytest.mark.parametrize(("change", "word"), [(swapped, "colour order"), (bilinear, "resize"), (cropped, "resize")])
def test_other_pixels_are_named(folder, monkeypatch, change, word):
    monkeypatch.setattr(ImageTransform, "resize", resized(change))
    (told,) = verified(folder).differs
    assert told.startswith(word)


def test_another_normalisation_is_named(folder, monkeypatch):
    monkeypatch.setattr(images, "CLIP_MEAN", (0.5, 0.5, 0.5))
    (told,) = verified(folder).differs
    assert told.startswith("normalisation")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (
            lambda stock: lambda tokenizer, name, texts: stock(tokenizer, name, [f"{each} Now." for each in texts]),
            "prompt",
        ),
        (lambda stock: lambda *given: (stock(*given)[0].flip(1), stock(*given)[1]), "tokenizer"),
    ],
)
def test_another_prompt_and_another_tokenizer_are_named(folder, monkeypatch, change, word):
    made = change(stepping.tokens)
    monkeypatch.setattr(stepping, "tokens", made)
    monkeypatch.setattr(replay, "tokens", made)
    (told,) = verified(folder).differs
    assert told.startswith(word)


def test_another_scale_is_named(folder, monkeypatch):
    stock = ActionSpace.decode
    monkeypatch.setattr(ActionSpace, "decode", lambda self, predicted: 1.5 * stock(self, predicted))
    (told,) = verified(folder).differs
    assert told.startswith("scaling")


def test_a_history_that_is_forgotten_is_named(folder, monkeypatch):
    stock = stepping.FrameByFrame.predicted

    def forgetful(self, planes):
        head = self.model.act_head
        head.reset()
        self.memory = stepping._taken(head)
        return stock(self, planes)

    monkeypatch.setattr(stepping.FrameByFrame, "predicted", forgetful)
    (told,) = verified(folder).differs
    assert told.startswith("window")


def test_a_stack_that_computes_otherwise_is_named_with_what_changed_in_it(folder, monkeypatch):
    stock = torch.nn.functional.layer_norm
    monkeypatch.setattr(torch.nn.functional, "layer_norm", lambda *given, **named: 1.05 * stock(*given, **named))
    monkeypatch.setattr("robovlms_mobile.policy.verification.versions", lambda: versions() | {"torch": "9.9"})
    (told,) = verified(folder).differs
    assert told.startswith("weights or stack") and "torch" in told and "9.9" in told


@pytest.mark.parametrize(
    ("file", "mark", "word"),
    [
        ("policy.safetensors", "act_head", "head: 1 tensors differ"),
        ("policy.safetensors", "action_token", "action token: 1 tensors differ"),
        ("adapter_model.safetensors", "lora_B", "adapters: 1 tensors differ"),
    ],
)
def test_another_weight_is_named_by_what_it_belongs_to(copy, file, mark, word):
    tensors = load_file(copy / file)
    name = next(each for each in sorted(tensors) if mark in each and "gripper" not in each)
    tensors[name] = tensors[name] + torch.randn(tensors[name].shape, generator=torch.Generator().manual_seed(0))
    save_file(tensors, copy / file, metadata={"format": "pt"})
    found = verified(copy)
    assert word in found.differs[0] and found.difference > found.tolerance
    assert found.differs[1].startswith("weights or stack")


@pytest.mark.parametrize(
    ("file", "change", "word"),
    [
        ("contract.json", {"action": {"low": -2.0}}, "contract.json: action.low was -1.15, is -2.0"),
        ("contract.json", {"model": {"window_size": 2}}, "contract.json: model.window_size was 4, is 2"),
        ("contract.json", {"model": {"image_size": 112}}, "contract.json: model.image_size"),
        ("adapter_config.json", {"lora_alpha": 64}, "adapter_config.json: lora_alpha was"),
    ],
)
def test_edited_papers_are_named_with_both_values(copy, file, change, word):
    told = json.loads((copy / file).read_text())
    for key, value in change.items():
        told[key] = {**told[key], **value} if isinstance(value, dict) else value
    (copy / file).write_text(json.dumps(told))
    found = verified(copy)
    assert found.differs[0].startswith(word)
    with pytest.raises(CheckpointError, match="was changed since it was written"):
        MobilePolicy.from_pretrained(copy, root=STANDIN, device="cpu")


def test_another_base_model_is_named(folder, tiny_vlm, tmp_path):
    other = make_tiny_vlm(tmp_path / "other", seed=1)
    found = verified(folder, base=other)
    assert any("base model: fingerprint was" in each for each in found.differs)


@pytest.mark.parametrize("file", [PAPER, TENSORS])
def test_edited_golden_frames_prove_nothing(copy, file):
    path = copy / file
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="golden frames"):
        verified(copy)


def test_a_folder_without_golden_frames_says_how_to_get_them(adapters, loaded):
    assert not has_golden(adapters)
    with pytest.raises(CheckpointError, match="verify ADAPTERS --write"):
        verified(adapters)
    assert "not verified" in proved(loaded)


def test_a_policy_that_is_another_one_does_not_start(folder, monkeypatch):
    policy = MobilePolicy.from_pretrained(folder, root=STANDIN, device="cpu")
    monkeypatch.setattr(ImageTransform, "resize", resized(swapped))
    with pytest.raises(CheckpointError, match="colour order"):
        proved(policy)


def test_a_half_written_folder_is_told(copy):
    (copy / TENSORS).unlink()
    with pytest.raises(CheckpointError, match=r"golden\.safetensors"):
        verified(copy)
    assert Path(copy / PAPER).is_file()
