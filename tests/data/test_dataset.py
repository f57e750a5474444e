"""`MobileVLAH5Dataset`: the batch upstream wants, and every mistake in its block named."""

import re
import shutil

import h5py
import numpy as np
import pytest
import torch
from PIL import Image

from robovlms_mobile.data.dataset import MobileVLAH5Dataset
from robovlms_mobile.data.epoch import set_epoch
from robovlms_mobile.data.images import CLIP_MEAN, CLIP_STD, ImageTransform, normalise
from robovlms_mobile.errors import ConfigError, DataError

SIZES = {"window_size": 4, "fwd_pred_next_n": 10, "image_size": 32, "norm_action": True}
BOUNDS = {"norm_min": -1.15, "norm_max": 1.15}


def text(sentences):
    length = max(map(len, sentences))
    ids = torch.tensor([[ord(letter) for letter in each.ljust(length)] for each in sentences])
    return ids, torch.ones_like(ids)


@pytest.fixture
def make(episodes):
    def make(**config):
        own = (
            {"instruction": "Drive to the cup.", "color_order": "rgb"} if "data_dir" in config else {}
        )  # files say neither
        given = {"data_dir": str(episodes), "is_training": True, **SIZES, **BOUNDS, **own, **config}
        dataset = MobileVLAH5Dataset(**given)
        dataset.text_fn = text
        return dataset

    return make


def batch(dataset, count=2):
    return dataset.collater([dataset[index] for index in range(count)])


def test_the_batch_has_upstreams_keys_shapes_and_types(make):
    got = batch(make())
    assert got["rgb"].shape == (2, 4, 3, 32, 32) and got["rgb"].dtype == torch.uint8  # the backbone normalises
    assert got["hand_rgb"] is None
    assert got["action"].shape == (2, 13, 7) and got["action"].dtype == torch.float32
    assert got["action_chunck"].shape == (2, 4, 10, 7)
    assert got["chunck_mask"].shape == (2, 4, 10) and got["chunck_mask"].dtype == torch.bool
    assert got["text"].shape == got["text_mask"].shape
    assert isinstance(got["raw_text"], list) and "action" in got["data_source"]


def test_chunks_are_the_actions_from_each_frame_on(make):
    got = batch(make())
    for frame in range(4):
        assert torch.equal(got["action_chunck"][:, frame], got["action"][:, frame : frame + 10])


def test_actions_are_the_files_own_scaled_and_padded(make):
    dataset = make()
    episode, start = dataset.samples[3]
    with h5py.File(episode.path) as file:
        recorded = file["actions"][start : start + 13, :2]
    action = dataset[3]["action"].numpy()
    np.testing.assert_allclose(action[:, :2], recorded / 1.15, atol=1e-6)
    assert not action[:, 2:].any()


def test_frames_are_the_files_own_in_clips_colours(make):
    dataset = make()
    episode, start = dataset.samples[2]
    with h5py.File(episode.path) as file:
        frame = Image.fromarray(file["images"][start]).resize((32, 32), Image.Resampling.BICUBIC)
    expected = (np.asarray(frame, np.float32) / 255 - CLIP_MEAN) / CLIP_STD
    np.testing.assert_allclose(normalise(dataset[2]["rgb"][0]).permute(1, 2, 0), expected, atol=1e-6)


def test_the_transform_is_bit_for_bit_torchvisions():
    transforms = pytest.importorskip("torchvision.transforms")
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (72, 128, 3), np.uint8))
    stock = transforms.Compose(
        [
            transforms.Resize((224, 224), interpolation=transforms.InterpolationMode.BICUBIC),
            transforms.Lambda(lambda each: each.convert("RGB")),
            transforms.ToTensor(),
            transforms.Normalize(CLIP_MEAN, CLIP_STD),
        ]
    )
    assert torch.equal(ImageTransform(224)(image), stock(image))


def test_upstreams_image_fn_is_used_when_given(make):
    dataset = make(image_fn=lambda images: torch.full((len(images), 3, 8, 8), 7.0))
    assert dataset[0]["rgb"].shape == (4, 3, 8, 8)


def test_bgr_files_are_turned_round_unless_they_say_what_they_are(make, episodes, tmp_path):
    assert torch.equal(make(color_order="bgr")[0]["rgb"], make()[0]["rgb"])
    for path in episodes.glob("*.h5"):
        with h5py.File(shutil.copy(path, tmp_path), "a") as file:
            del file.attrs["color_order"]
    rgb, bgr = (make(data_dir=str(tmp_path), color_order=order)[0]["rgb"] for order in ("rgb", "bgr"))
    assert torch.equal(bgr.flip(1), rgb) and not torch.equal(bgr, rgb)


def test_training_and_validation_share_no_episode_and_cover_all(make):
    train, validation = make(), make(is_training=False)
    names = [{episode.name for episode in each.episodes} for each in (train, validation)]
    assert not names[0] & names[1]
    assert (len(names[0]), len(names[1])) == (4, 2)
    assert (len(train), len(validation)) == (4 * 18, 2 * 18)


def test_the_labs_is_validation_picks_the_side_as_upstreams_is_training_does(make):
    assert {e.name for e in make(is_validation=True, is_training=False).episodes} == {
        e.name for e in make(is_training=False).episodes
    }


def test_a_block_on_the_wrong_side_is_refused(make):
    with pytest.raises(ConfigError, match=r"train_dataset says is_validation: true"):
        make(is_validation=True, is_training=True)


def test_windows_start_at_every_frame(make, recwarn):
    dataset = make()
    assert len(dataset) == 4 * 18 and not any("never seen" in str(each.message) for each in recwarn)
    masks = torch.stack([dataset[index]["chunck_mask"] for index in range(18)])
    assert masks.flatten(1).any(1).all() and not masks.all()


@pytest.mark.parametrize("role", ["training", "validation"])
def test_what_full_windows_hide_is_warned_about_in_numbers(make, role):
    with pytest.warns(UserWarning, match=f'"full" in {role}: frames 8-17 of 18 are never seen'):
        dataset = make(windows="full", is_training=role == "training")
    assert len(dataset) == 5 * len(dataset.episodes)


def test_shift_first_pairs_a_frame_with_the_next_action(make):
    plain, shifted = make(), make(shift_first=True)
    assert torch.equal(shifted[0]["action"][:-1], plain[0]["action"][1:])
    assert torch.equal(shifted[0]["rgb"], plain[0]["rgb"])


def test_augmentation_is_for_training_only_and_the_same_for_the_same_epoch(make):
    dataset = make(rgb_pad=4, color_jitter=0.3)
    first = dataset[0]["rgb"]
    assert torch.equal(dataset[0]["rgb"], first)
    assert not torch.equal(first, make()[0]["rgb"])
    set_epoch(1)
    try:
        assert not torch.equal(dataset[0]["rgb"], first)
    finally:
        set_epoch(0)
    assert torch.equal(make(rgb_pad=4, is_training=False)[0]["rgb"], make(is_training=False)[0]["rgb"])


def test_a_mirrored_window_is_mirrored_in_all_it_says(make):
    plain, mirrored = make(instruction="Pass left"), make(instruction="Pass left", mirror=1.0)
    for index in range(0, len(plain), 5):
        before, after = plain[index], mirrored[index]
        assert torch.equal(after["rgb"], before["rgb"].flip(-1))
        torch.testing.assert_close(after["action"] * torch.tensor([1, -1, 1, 1, 1, 1, 1]), before["action"])
        assert after["raw_text"] == "Pass right"


def test_balance_repeats_windows_in_training_only(make):
    train, validation = make(balance="direction"), make(balance="direction", is_training=False)
    windows = [{(episode.name, start) for episode, start in each.samples} for each in (train, make())]
    assert len(train) >= len(make()) and windows[0] == windows[1]
    assert len(validation) == len(make(is_training=False))


def test_jitter_needs_the_plugins_own_transform(make):
    with pytest.raises(ConfigError, match="own image transform"):
        make(image_fn=lambda images: torch.zeros(len(images), 3, 8, 8), color_jitter=0.1)


def test_new_episodes_never_move_old_ones(make, tmp_path):
    for index in range(5):
        write_episode(tmp_path / f"episode_{index}.h5", 18, seed=index)
    before = {episode.name for episode in make(data_dir=str(tmp_path), is_training=False).episodes}
    for index in range(5, 12):
        write_episode(tmp_path / f"episode_0{index}.h5", 18, seed=index)
    with pytest.warns(UserWarning, match="7 episodes"):
        train = {episode.name for episode in make(data_dir=str(tmp_path)).episodes}
    validation = {episode.name for episode in make(data_dir=str(tmp_path), is_training=False).episodes}
    assert before <= validation
    assert not train & validation and len(train | validation) == 12


def test_clipped_velocities_are_warned_about_with_the_values_to_set(make):
    with pytest.warns(UserWarning, match=re.escape('"norm_min": -1.15, "norm_max": 1.15')):
        make(norm_min=-1, norm_max=1)
    with pytest.warns(UserWarning, match="±1.15"):
        make(norm_action=False)


def test_an_instruction_of_the_configs_is_used(make):
    assert make(instruction="컵까지 가세요")[0]["raw_text"] == "컵까지 가세요"


@pytest.mark.parametrize(
    ("key", "near"), [("episode_patern", "episode_pattern"), ("colour_order", "color_order"), ("shift", "")]
)
def test_an_unknown_key_is_named_with_the_closest_known_one(make, key, near):
    with pytest.raises(ConfigError, match=f"'{key}'.*{near}"):
        make(**{key: 1})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("windows", "half"),
        ("color_order", "hsv"),
        ("on_bad_episode", "ignore"),
        ("train_split", 1.5),
        ("rgb_pad", -1),
        ("real_dims", ["yaw"]),
    ],
)
def test_an_impossible_value_is_named(make, key, value):
    with pytest.raises(ConfigError, match=key):
        make(**{key: value})


def test_a_discrete_head_is_refused(make):
    with pytest.raises(ConfigError, match="action_space"):
        make(discrete=True)


def write_episode(path, frames, seed=0, **change):
    images = np.random.default_rng(seed).integers(0, 256, (frames, 4, 6, 3), np.uint8)
    content = {"images": images, "actions": np.zeros((frames, 3), "f4"), **change}
    with h5py.File(path, "w") as file:
        for key, value in content.items():
            file[key] = value


def test_short_episodes_are_left_out_and_listed_once(make, tmp_path):
    for index, frames in enumerate((18, 13, 18, 18, 18)):
        write_episode(tmp_path / f"episode_{index}.h5", frames, index)
    with pytest.warns(UserWarning, match=r"1 episodes are shorter than 14 frames.*episode_1\.h5 \(13\)"):
        assert len(make(data_dir=str(tmp_path), split="sorted", windows="full")) == 3 * 5


def test_only_short_episodes_is_an_error_with_the_numbers(make, tmp_path):
    for index in range(5):
        write_episode(tmp_path / f"episode_{index}.h5", 9, index)
    with pytest.raises(DataError, match=r"None of the 4 episodes has the 14 frames.*window_size 4.*padded"):
        make(data_dir=str(tmp_path), windows="full")


def test_a_dim_that_is_used_and_not_trained_is_reported(make, tmp_path):
    turning = np.zeros((18, 3), "f4")
    turning[5, 2] = 0.5
    for index in range(5):
        write_episode(tmp_path / f"episode_{index}.h5", 18, index, actions=turning)
    with pytest.warns(UserWarning, match="angular_z is used"):
        make(data_dir=str(tmp_path))


def test_a_bad_episode_does_not_move_the_others_to_the_other_side(make, tmp_path):
    for index in range(10):
        write_episode(tmp_path / f"episode_{index}.h5", 18, index)
    before = {episode.name for episode in make(data_dir=str(tmp_path)).episodes}
    (tmp_path / "episode_3.h5").write_bytes(b"not hdf5")
    with pytest.raises(DataError, match=r"episode_3\.h5: not a readable HDF5 file"):
        make(data_dir=str(tmp_path))
    with pytest.warns(UserWarning, match="episode_3"):
        after = {episode.name for episode in make(data_dir=str(tmp_path), on_bad_episode="skip").episodes}
    assert after == before - {"episode_3.h5"}


def test_an_episode_as_one_batch_has_the_frames_actions_and_masks_of_its_windows(make):
    apart, whole = make(), make(batch="episode")
    assert len(whole) == len(whole.episodes) < len(apart) and len(whole.samples) == len(apart)
    for number in range(len(whole)):
        batch = whole.collater([whole[number]])
        windows = apart.collater([apart[index] for index in batch["index"].tolist()])
        for key in ("action", "action_chunck", "chunck_mask"):
            assert torch.equal(batch[key], windows[key])
        frames = batch["rgb"][:, 0]  # (T, 3, H, W')
        count, size = windows["rgb"].shape[:2]
        shown = (torch.arange(count)[:, None] + torch.arange(size)).clamp(max=len(frames) - 1)
        assert torch.equal(frames[shown], windows["rgb"])
        assert batch["text"].shape[0] == len(frames) == len(batch["raw_text"])
    seen = [index for number in range(len(whole)) for index in whole[number]["index"].tolist()]
    assert seen == list(range(len(apart)))


def test_what_an_augmentation_draws_is_an_episodes(make):
    whole = make(batch="episode", mirror=0.5)
    said = [{whole[number]["raw_text"] for _ in range(3)} for number in range(len(whole))]
    assert all(len(each) == 1 for each in said)
    plain = make(batch="episode")
    turned = [whole[number]["raw_text"] != plain[number]["raw_text"] for number in range(len(whole))]
    assert 0 < sum(turned) < len(turned) or len(turned) < 4
