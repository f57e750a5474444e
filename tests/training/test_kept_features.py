"""`mobile.frames.features`: a frame goes through the frozen vision tower once, and nothing wrong is ever used."""

import warnings

import pytest
import torch
from support.runs import TRAIN, assert_same, losses
from torch import nn
from transformers import Kosmos2ForConditionalGeneration

from robovlms_mobile.config.kept_frames import refused
from robovlms_mobile.training.kept_features import FOLDER, Features

AUTO = {"mobile": {"frames": {"features": "auto"}}}


class Backbone(nn.Module):
    """Encodes frames as upstream's RoboKosMos does."""

    def __init__(self, kosmos):
        super().__init__()
        self.model, self.vision_tower, self.passes = kosmos, kosmos.vision_model, 0

    def model_encode_images(self, images):
        self.passes += len(images)
        hidden = self.vision_tower(pixel_values=images)[0]
        hidden = nn.functional.normalize(self.vision_tower.model.post_layernorm(hidden), dim=-1)
        return self.model.image_to_text_projection(hidden)[0]


@pytest.fixture(scope="module")
def kosmos(tiny_vlm):
    return Kosmos2ForConditionalGeneration.from_pretrained(tiny_vlm).requires_grad_(False)


@pytest.fixture
def images():
    return torch.randn(4, 3, 224, 224, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def kept(kosmos, tmp_path):
    """A validating backbone that keeps features, and its files."""
    return Features(Backbone(kosmos).eval(), tmp_path, training=True)


def files(kept):
    return sorted(kept.place.glob(f"{FOLDER}-*/*"))


def test_a_frame_goes_through_the_tower_once(kept, images):
    first = kept.encode(images)
    assert kept.backbone.passes == len(files(kept)) == 4
    assert torch.equal(kept.encode(images.flip(0)), first.flip(0)) and kept.backbone.passes == 4
    torch.testing.assert_close(first, kept.stock(images), rtol=1e-5, atol=1e-6)


def test_alone_it_is_the_stock_result_bit_for_bit(kept, images):
    for _ in range(2):
        assert torch.equal(kept.encode(images[:1]), kept.stock(images[:1]))


def test_under_autocast_half_the_bytes_are_as_exact(kept, images):
    kept.encode(images[:1])
    full = files(kept)[0].stat().st_size
    with torch.autocast("cpu", torch.bfloat16):
        kept.encode(images[:1])
        assert torch.equal(kept.encode(images[:1]), kept.stock(images[:1]))
    assert sorted(path.stat().st_size for path in files(kept)) == [full // 2 + 2, full]  # four bytes are the checksum


@pytest.mark.parametrize(
    "damage", [lambda content: content[:-8], lambda content: content[:-1] + b"?", lambda content: b""]
)
def test_what_is_damaged_is_computed_again(kept, images, damage):
    right = kept.encode(images)
    (broken, *_), whole = files(kept), [path.read_bytes() for path in files(kept)]
    broken.write_bytes(damage(broken.read_bytes()))
    assert torch.equal(kept.encode(images), right) and kept.backbone.passes == 5
    assert [path.read_bytes() for path in files(kept)] == whole


def test_another_weight_or_pixel_is_another_file(kept, images, tmp_path):
    kept.encode(images[:1])
    with torch.no_grad():
        weight = kept.tower.model.post_layernorm.weight
        weight[0] += 1e-3
        other = Features(kept.backbone, tmp_path, training=True)
        assert torch.equal(other.encode(images[:1]), other.stock(images[:1]))
        weight[0] -= 1e-3
    images[0, 0, 0, 0] += 1e-3
    kept.encode(images[:1])
    assert len(files(kept)) == 3 and len({path.parent for path in files(kept)}) == 2


def test_in_training_the_projection_still_drops_and_a_kept_frame_draws_no_other_numbers(kept, images):
    kept.backbone.train()
    kept.projection.x_attn.dropout = 0.5

    def drawn():
        torch.manual_seed(3)
        return kept.encode(images), torch.rand(1)

    (first, after), (again, then) = drawn(), drawn()
    assert torch.equal(first, again) and torch.equal(after, then)
    assert not torch.equal(first, kept.encode(images))
    kept.projection.x_attn.dropout = 0.1


def test_where_pixels_never_come_again_training_keeps_nothing(kosmos, images, tmp_path):
    kept = Features(Backbone(kosmos).train(), tmp_path, training=False)
    kept.encode(images)
    assert not files(kept)
    kept.backbone.eval()
    kept.encode(images)
    assert len(files(kept)) == 4


def test_a_disk_that_takes_nothing_is_said_once(kosmos, images, tmp_path):
    (tmp_path / "file").touch()
    kept = Features(Backbone(kosmos).eval(), tmp_path / "file", training=True)
    with pytest.warns(UserWarning, match="not kept any more") as said:
        first = kept.encode(images)
    assert len(said) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(kept.encode(images), first)


@pytest.mark.parametrize(
    "change",
    [
        {"mobile": {"frames": {"features": "on"}}},
        {"robovlm_name": "RoboFlamingo"},
        {"val_dataset": {"type": "DiskCalvinDataset"}},
        {"train_setup": {"train_vision": True}},
        {**AUTO, "mobile": {**AUTO["mobile"], "lora": {"targets": "all"}}},
    ],
)
def test_what_cannot_be_kept_is_refused(change):
    setup = {"lora_enable": True, "freeze_backbone": True, "lora_bias": "none"}
    data = {f"{role}_dataset": {"type": "MobileVLAH5Dataset"} for role in ("train", "val")}
    config = {"robovlm_name": "RoboKosMos", "train_setup": setup, **data, **AUTO}
    assert not list(refused(config))
    ((where, _, _),) = refused({**config, **change, "train_setup": setup | change.get("train_setup", {})})
    assert where == "mobile.frames.features"


@pytest.mark.slow
def test_a_run_is_the_same_with_kept_and_with_new_features(upstream_root, run_python, write_config, tmp_path):
    """The second run finds all of them; a third, without, differs by rounding: there frames share a batch."""
    for name, mobile in (("first", AUTO), ("second", AUTO), ("off", {})):
        (tmp_path / name).mkdir()
        options = {"frames": {**mobile.get("mobile", {}).get("frames", {}), "dir": str(tmp_path / "kept")}}
        train = {"mirror": 0.5}
        config = write_config(tmp_path / name, mobile=options, train_dataset=train, trainer={"max_epochs": 2})
        done = run_python([*TRAIN, upstream_root, config], cwd=tmp_path / name)
        assert done.returncode == 0, done.stderr[-3000:]
    assert_same(tmp_path / "first", tmp_path / "second")
    assert 60 < len(list((tmp_path / "kept").glob(f"*/{FOLDER}-*/*"))) <= 2 * 6 * 18
    for one, other in zip(losses(tmp_path / "first"), losses(tmp_path / "off"), strict=True):
        assert float(one["val_loss"]) == pytest.approx(float(other["val_loss"]), rel=1e-4)
