"""`MobilePolicy`: what a robot shows and is answered, and what is refused by name."""

import io
import json
import shutil
import warnings

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from support.checkouts import STANDIN
from support.policies import CHUNK, WINDOW

from robovlms_mobile.errors import CheckpointError, ModelError, PolicyError
from robovlms_mobile.policy import MobilePolicy

LEFT = "Drive around the box on the left to the cup."


def frames(count=8, seed=0, height=36, width=64):
    """(count, H, W, 3) uint8: blocks of colour, which survive a resize."""
    blocks = np.random.default_rng(seed).integers(0, 256, (count, height // 4, width // 4, 3), dtype=np.uint8)
    return blocks.repeat(4, axis=1).repeat(4, axis=2)


def answers(policy, pictures, **observation):
    return np.stack([policy.infer({"image": each, **observation})["actions"] for each in pictures])


@torch.no_grad()
def recomputed(policy, pictures, instruction=LEFT):
    """What the whole window says at each frame, without any history kept."""
    stepper, found = policy.stepper, []
    planes = torch.from_numpy(np.stack([stepper.transform.resize(Image.fromarray(each)) for each in pictures]))
    for last in range(len(pictures)):
        first = max(0, last - WINDOW + 1)
        window = planes[None, first : first + WINDOW]
        stepper.reset([instruction])
        arm = stepper.model.inference(window, *stepper._text)["action"][0]  # (1, W, N, 6)
        found.append(stepper.space.decode(arm[0, last - first].numpy()))
    return np.stack(found)


def test_a_step_a_frame_is_the_window_recomputed(policy):
    policy.reset(LEFT)
    seen = answers(policy, frames())
    assert seen.shape == (8, CHUNK, 2) and seen.dtype == np.float32
    assert np.abs(seen - recomputed(policy.session(), frames())).max() <= 1e-5
    assert np.abs(np.diff(seen, axis=0)).max() > 1e-3, "the pictures make no difference"


def test_the_answer_says_dims_and_time(policy):
    answer = policy.infer({"image": frames(1)[0], "instruction": LEFT, "stamp": 12.0})
    assert answer["dims"] == ["linear_x", "linear_y"] and answer["warnings"] == []
    assert 0 < answer["policy_timing"]["infer_ms"] < 60_000


def test_every_way_to_show_a_picture_is_the_same_picture(policy):
    pixels = frames(1)[0]
    grey = pixels[..., :1].repeat(3, axis=2)
    png = io.BytesIO()
    Image.fromarray(pixels).save(png, "PNG")
    raw = {"height": 36, "width": 64}
    same = [
        {"image": Image.fromarray(pixels)},
        {"image": pixels.tobytes(), "encoding": "rgb8", **raw},
        {"image": pixels[..., ::-1].tobytes(), "encoding": "bgr8", **raw},
        {"image": pixels[..., ::-1], "encoding": "bgr8"},
        {"image": png.getvalue(), "encoding": "png"},
    ]

    def first(observation):
        policy.reset(LEFT)
        return policy.infer(observation)["actions"]

    expected = first({"image": pixels})
    for each in same:
        np.testing.assert_array_equal(first(each), expected)
    mono = {"image": grey[..., 0].tobytes(), "encoding": "mono8", **raw}
    np.testing.assert_array_equal(first(mono), first({"image": grey}))
    jpeg = io.BytesIO()
    Image.fromarray(pixels).save(jpeg, "JPEG", quality=95)
    off = np.abs(first({"image": jpeg.getvalue(), "encoding": "jpeg"}) - expected).max()
    assert 0 < off < 0.2


UNFIT = {
    "no image": ({}, "has no image"),
    "float": ({"image": np.zeros((4, 4, 3), np.float32)}, r"\(4, 4, 3\) float32, expected \(height, width, 3\) uint8"),
    "four channels": ({"image": np.zeros((4, 4, 4), np.uint8)}, "red first"),
    "grey array": ({"image": np.zeros((4, 4), np.uint8)}, r"is \(4, 4\) uint8"),
    "empty": ({"image": np.zeros((0, 4, 3), np.uint8)}, "4 x 0|0 x 4|cannot"),
    "a list": ({"image": [[0]]}, "is a list, expected"),
    "no encoding": ({"image": b"abc"}, "encoding is None, expected one of rgb8, bgr8, mono8, jpeg, png"),
    "yuv": ({"image": b"abc", "encoding": "yuv422"}, "'yuv422', expected one of"),
    "no size": ({"image": b"abc", "encoding": "rgb8"}, "height is None and width None"),
    "short": ({"image": b"abc", "encoding": "rgb8", "height": 2, "width": 2}, "3 bytes, expected 12"),
    "no jpeg": ({"image": b"abc", "encoding": "jpeg"}, "no readable jpeg"),
    "no sentence": ({"image": frames(1)[0], "instruction": 7}, "instruction is 7, expected a sentence"),
    "no time": ({"image": frames(1)[0], "stamp": "now"}, "stamp is 'now'"),
}


@pytest.mark.parametrize("case", UNFIT)
def test_what_is_unfit_is_refused_and_not_remembered(policy, case):
    observation, message = UNFIT[case]
    policy.reset(LEFT)
    before = answers(policy, frames(2))
    with pytest.raises(PolicyError, match=message):
        policy.infer(observation)
    policy.reset(LEFT)
    np.testing.assert_array_equal(answers(policy, frames(2)), before)


def test_no_instruction_is_refused(policy):
    with pytest.raises(PolicyError, match="No instruction is set"):
        policy.infer({"image": frames(1)[0]})


def test_an_instruction_never_trained_is_refused_with_the_nearest(policy, loaded):
    with pytest.raises(PolicyError, match=r"never trained; the nearest of 2 is '.* on the left to the cup.'"):
        policy.reset("Drive round the box on the left to the cup")
    lenient = MobilePolicy(loaded._loaded, strict=False)
    with pytest.warns(UserWarning, match="never trained"):
        lenient.reset("Fly to the moon.")
    assert lenient.infer({"image": frames(1)[0]})["warnings"][0].startswith("The instruction 'Fly to the moon.'")


def test_another_instruction_starts_an_episode(policy):
    right = LEFT.replace("left", "right")
    first = answers(policy, frames(3), instruction=LEFT)
    assert np.abs(answers(policy, frames(3), instruction=right) - first).max() > 1e-5
    np.testing.assert_array_equal(answers(policy, frames(3), instruction=LEFT), first)


def test_frames_at_another_pace_are_warned_of_once_an_episode(policy):
    def said(*stamps):
        policy.reset(LEFT)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [policy.infer({"image": frames(1)[0], "stamp": each})["warnings"] for each in stamps]

    assert said(0.0, 0.7, 2.5) == [[], [], []]  # 25 % beyond 0.8 to 1.5 s
    late = said(0.0, 4.0, 8.0)
    assert "4.00 s apart, the recordings' 0.80 to 1.50 s" in late[1][0] and late[2] == []
    assert "0.17 s apart" in said(0.0, 0.167)[1][0]
    assert "or the same" in said(5.0, 5.0)[1][0]


def test_a_picture_of_another_shape_is_warned_of(policy, loaded):
    policy.expectations = type(policy.expectations)({LEFT: 1}, (64, 36), None)
    policy.reset(LEFT)
    assert policy.infer({"image": frames(1)[0]})["warnings"] == []
    with pytest.warns(UserWarning, match="64 x 48, the recordings were 64 x 36: another aspect"):
        policy.infer({"image": frames(1, height=48)[0]})
    with pytest.warns(UserWarning, match="128 x 72, the recordings were 64 x 36"):
        policy.infer({"image": frames(1, height=72, width=128)[0]})


def test_no_number_is_an_error_and_never_an_action(policy, monkeypatch):
    policy.reset(LEFT)
    calm = answers(policy, frames(2))
    head, broken = policy.stepper.model.act_head, float("nan")
    hook = head.register_forward_hook(lambda module, inputs, output: (output[0] * broken, output[1]))
    for ask in (policy.infer, policy.select_action):
        with pytest.raises(PolicyError, match="values that are no numbers"):
            ask({"image": frames(1)[0]})
    hook.remove()
    policy.reset(LEFT)
    np.testing.assert_array_equal(answers(policy, frames(2)), calm)


def test_after_an_error_the_history_is_as_it_was(policy, monkeypatch):
    policy.reset(LEFT)
    expected = answers(policy, frames(6))
    policy.reset(LEFT)
    seen = [policy.infer({"image": each})["actions"] for each in frames(6)[:3]]
    stock = policy.stepper.space.__class__.decode
    monkeypatch.setattr(policy.stepper.space.__class__, "decode", lambda *given: stock(*given) * np.nan)
    with pytest.raises(PolicyError):
        policy.infer({"image": frames(6, seed=9)[3]})
    monkeypatch.undo()
    seen += [policy.infer({"image": each})["actions"] for each in frames(6)[3:]]
    np.testing.assert_array_equal(np.stack(seen), expected)


def test_select_action_drives_a_chunk_and_sees_every_frame(adapters, loaded):
    pictures = frames(9)
    every = loaded.session()
    every.reset(LEFT)
    expected = answers(every, pictures)  # (T, N, D)
    policy = MobilePolicy(loaded._loaded, execute=3)
    policy.reset(LEFT)
    driven = [policy.select_action({"image": each}) for each in pictures]
    for step, action in enumerate(driven):
        assert action.shape == (2,) and action.dtype == np.float32
        np.testing.assert_allclose(action, expected[step - step % 3, step % 3], atol=1e-5)


@pytest.mark.parametrize("execute", [0, CHUNK + 1, 1.0])
def test_execute_is_within_a_chunk(loaded, execute):
    with pytest.raises(PolicyError, match=rf"execute is {execute}, expected 1 to {CHUNK}"):
        MobilePolicy(loaded._loaded, execute=execute)


def test_two_sessions_take_turns_on_one_model(loaded):
    one, other = loaded.session(), loaded.session()
    one.reset(LEFT)
    other.reset(LEFT.replace("left", "right"))
    alone = [answers(each, frames(6, seed=seed)) for seed, each in enumerate((one, other))]
    one.reset()
    other.reset()
    pairs = zip(frames(6, seed=0), frames(6, seed=1), strict=True)
    turns = [
        [each.infer({"image": shown})["actions"] for each, shown in zip((one, other), pair, strict=True)]
        for pair in pairs
    ]
    np.testing.assert_array_equal(np.stack([np.stack(each) for each in zip(*turns, strict=True)]), np.stack(alone))


def test_metadata_is_json_and_says_what_is_unknown(loaded):
    metadata = json.loads(json.dumps(loaded.metadata))
    assert metadata["device"] == "cpu" and metadata["dtype"] == "float32" and metadata["execute"] == 1
    assert metadata["contract"]["action"]["dims"] == metadata["dims"] and metadata["versions"]["torch"]
    assert metadata["unknown"] == ["recorded size"]


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_a_coarser_precision_is_near(adapters, policy, dtype):
    policy.reset(LEFT)
    expected = answers(policy, frames())
    coarse = MobilePolicy.from_pretrained(adapters, root=STANDIN, device="cpu", dtype=dtype)
    coarse.reset(LEFT)
    assert 0 < np.abs(answers(coarse, frames()) - expected).max() < 0.05
    assert coarse.metadata["dtype"] == {"bf16": "bfloat16", "fp16": "float16"}[dtype]


@pytest.fixture
def copy(adapters, tmp_path):
    return shutil.copytree(adapters, tmp_path / "best")


def load(folder, **options):
    return MobilePolicy.from_pretrained(folder, root=STANDIN, device="cpu", **options)


def test_another_base_model_is_refused(copy, tiny_vlm, tmp_path):
    other = shutil.copytree(tiny_vlm, tmp_path / "other")
    tensors = load_file(other / "model.safetensors")
    name = next(each for each in sorted(tensors) if each.endswith("layers.0.ffn.fc1.weight"))
    tensors[name][0, 0] += 1
    save_file(tensors, other / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match="trained on another base model"):
        load(copy, base=other)
    with pytest.raises(ModelError, match=r"is no folder with a config\.json here"):
        load(copy, base=tmp_path / "nowhere")


def test_missing_and_extra_tensors_are_named(copy):
    tensors = load_file(copy / "policy.safetensors")
    gone = tensors.pop("model.action_token")
    save_file({**tensors, "model.act_head.other": gone}, copy / "policy.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"missing: 'model\.action_token'; 1 tensors the model lacks: .*other"):
        load(copy)


def change(folder, **values):
    said = json.loads((folder / "contract.json").read_text())
    (folder / "contract.json").write_text(json.dumps({**said, **values}))


def test_an_older_folder_needs_the_run_json_of_its_run(copy, policy, tiny_vlm):
    said = json.loads((copy / "contract.json").read_text())
    model = said.pop("model")
    (copy / "contract.json").write_text(json.dumps({key: said[key] for key in said if key not in ("instructions",)}))
    with pytest.raises(CheckpointError, match=r"before contract\.json said how the model is built.*Copy the run\.json"):
        load(copy)
    (copy / "run.json").write_text(json.dumps({"config": model}))
    older = load(copy)
    assert older.metadata["unknown"] == ["instructions", "recorded size"]
    policy.reset(LEFT)
    np.testing.assert_array_equal(answers(older, frames(3), instruction=LEFT), answers(policy, frames(3)))


@pytest.mark.parametrize(
    ("model", "message"),
    [({}, "lacks model, robovlm_name"), ([], "lacks model"), ({"robovlm_name": "torch"}, "'torch', which .* no backb")],
)
def test_a_contract_that_does_not_say_how_to_build_is_refused(copy, model, message):
    known = json.loads((copy / "contract.json").read_text())["model"]
    change(copy, model={**known, **model} if model else model)
    with pytest.raises(CheckpointError, match=message):
        load(copy)


def test_together_pictures_cannot_be_asked_one_by_one(copy):
    known = json.loads((copy / "contract.json").read_text())["model"]
    change(copy, model={**known, "act_head": {**known["act_head"], "history_type": "pre"}})
    with pytest.raises(CheckpointError, match="history_type is 'pre'"):
        load(copy)
