import dataclasses
import multiprocessing
import pickle

import numpy as np
import pytest
import torch

from robovlms_mobile.data import epoch
from robovlms_mobile.data.augment.augmentation import Augmentation, augmentation_sheet
from robovlms_mobile.data.augment.mirror import mirror_actions, mirror_instruction, not_mirrored
from robovlms_mobile.data.block import AUGMENT_KEYS
from robovlms_mobile.errors import ConfigError
from robovlms_mobile.seeds import generator_of
from robovlms_mobile.simulation.camera import Camera
from robovlms_mobile.simulation.driver import choose_key, command, move
from robovlms_mobile.simulation.world import SCENARIOS, sample_world

LEFT = "Drive around the box on the left to the cup."
EVERYTHING = {
    "mirror": 0.5,
    "color_jitter": {"brightness": 0.3, "contrast": 0.3, "saturation": 0.3, "hue": 0.05},
    "random_crop": 0.8,
    "rgb_pad": 10,
}


def window(seed=0, size=(32, 48)):
    rng = np.random.default_rng(seed)
    frames = torch.from_numpy(rng.integers(0, 256, (4, 3, *size), np.uint8))
    actions = (rng.integers(-1, 2, (18, 3)) * 1.15).astype(np.float32)
    return frames, actions, LEFT


def variant(augmentation, given, seed=0, scenario=None):
    return augmentation.apply(*given, generator_of(seed, 0, 0), scenario)


def same(one, other):
    return torch.equal(one[0], other[0]) and np.array_equal(one[1], other[1]) and one[2] == other[2]


# Instructions


@pytest.mark.parametrize(
    ("text", "mirrored"),
    [
        ("Drive around the box on the left to the cup.", "Drive around the box on the right to the cup."),
        (
            "Turn RIGHT. Left-hand side, the leftmost cup, leftwards",
            "Turn LEFT. Right-hand side, the rightmost cup, rightwards",
        ),
        ("from left to right", "from right to left"),
        ("scenario 1box_hori_left", "scenario 1box_hori_right"),
        ("A bright, upright, alright copyright", "A bright, upright, alright copyright"),
        ("상자를 왼쪽으로 돌아 컵까지 가세요", "상자를 오른쪽으로 돌아 컵까지 가세요"),
        ("우측 통로에서 좌회전", "좌측 통로에서 우회전"),
        ("왼편 상자, 오른편 컵, 왼 쪽", "오른편 상자, 왼편 컵, 오른 쪽"),
        ("최우측 컵, 좌로 이동", "최좌측 컵, 우로 이동"),
        ("장애물을 우회하여 좌우로 오른 뒤 우편함까지", "장애물을 우회하여 좌우로 오른 뒤 우편함까지"),
        ("Pass on the left (왼쪽으로 통과)", "Pass on the right (오른쪽으로 통과)"),
        ("Drive to the cup.", "Drive to the cup."),
    ],
)
def test_an_instruction_is_mirrored_in_every_language_it_is_written_in(text, mirrored):
    assert mirror_instruction(text) == mirrored
    assert mirror_instruction(mirrored) == text


@pytest.mark.parametrize(
    "text",
    [
        "Stop right behind the box.",
        "Go left right now",
        "Take what is left",
        "Turn left, clockwise",
        "왼쪽으로, 시계 방향",
        "Passe à gauche",
        "links vorbei",
        "左に曲がる",
        "поверни налево",
    ],
)
def test_an_instruction_in_doubt_is_not_mirrored(text):
    assert mirror_instruction(text) is None


def test_a_scenario_with_a_side_wants_it_found_in_the_text():
    assert mirror_instruction("Aja vasemmalta", "1box_hori_left") is None
    assert mirror_instruction("Aja kupille", None) == "Aja kupille"
    given = [("Drive to the cup.", "1box_hori_left"), (LEFT, "1box_hori_left"), ("à gauche", None)]
    assert not_mirrored(given * 2) == ["Drive to the cup.", "à gauche"]


def test_a_window_whose_instruction_cannot_be_mirrored_stays_as_it_is():
    frames, actions, _ = window()
    given = (frames, actions, "Fahre links vorbei")
    assert same(variant(Augmentation(mirror=1), given), given)


# Pixels and actions


def test_mirroring_flips_pixels_sideways_dims_and_the_instruction():
    frames, actions, instruction = window()
    flipped, mirrored, told = variant(
        Augmentation(mirror=1.0), (frames, actions, instruction), scenario="1box_hori_left"
    )
    assert torch.equal(flipped, torch.from_numpy(frames.numpy()[..., ::-1].copy()))
    np.testing.assert_array_equal(mirrored, actions * [1, -1, -1])
    assert mirrored.dtype == np.float32 and not np.signbit(mirrored[mirrored == 0]).any()
    assert told == "Drive around the box on the right to the cup."


def test_mirroring_twice_changes_nothing():
    given = window()
    once = variant(Augmentation(mirror=1), given)
    assert not same(once, given)
    assert same(variant(Augmentation(mirror=1), once), given)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_mirrored_episode_is_what_the_robot_would_record_in_the_mirrored_room(scenario):
    world = sample_world(scenario, np.random.default_rng(3))
    other = mirrored_world(world)
    actions, frames = recorded(world)
    mirrored_actions, mirrored_frames = recorded(other)
    np.testing.assert_array_equal(mirror_actions(actions), mirrored_actions)
    for frame, mirrored in zip(frames, mirrored_frames, strict=True):
        apart = np.abs(frame[:, ::-1] - mirrored).mean()
        assert apart < 0.05  # the floor's grain is not symmetric
        assert apart < np.abs(frame - mirrored).mean()


def mirrored_world(world):
    swap = {"left": "right", "right": "left"}
    *rest, side = world.scenario.split("_")
    back, right, left = world.look.room
    return dataclasses.replace(
        world,
        scenario="_".join([*rest, swap[side]]),
        boxes=tuple(dataclasses.replace(box, y=-box.y) for box in world.boxes),
        cup=dataclasses.replace(world.cup, y=-world.cup.y),
        look=dataclasses.replace(
            world.look,
            room=(back, -left, -right),
            light=(world.look.light[0], -world.look.light[1], world.look.light[2]),
        ),
        start=(world.start[0], -world.start[1], -world.start[2]),
    )


def recorded(world):
    camera, pose, actions, frames = Camera(world, world.start[2], (48, 27)), world.start, [], []
    for _ in range(17):
        key = choose_key(world, pose)
        frames.append(camera.see(*pose[:2]))
        actions.append(command(key))
        pose = move(pose, key)
    return np.stack(actions), frames


def test_everything_off_changes_nothing():
    given = window()
    assert not Augmentation().active
    assert same(variant(Augmentation(), given), given)


@pytest.mark.parametrize("name", EVERYTHING)
def test_all_frames_of_a_window_are_changed_alike_and_the_original_is_kept(name):
    augmentation = Augmentation(**{name: EVERYTHING[name]})
    assert augmentation.active
    frames, actions, instruction = window()
    frames[1:] = frames[0]
    before = frames.clone()
    seen = [variant(augmentation, (frames, actions, instruction), seed)[0] for seed in range(8)]
    assert torch.equal(frames, before)
    assert all(each.dtype == torch.uint8 and each.shape == frames.shape for each in seen)
    assert all(torch.equal(each[0], other) for each in seen for other in each)
    assert any(not torch.equal(each, frames) for each in seen)
    assert len({each.numpy().tobytes() for each in seen}) > (1 if name == "mirror" else 4)


def test_a_shift_moves_by_whole_pixels_and_repeats_the_edge():
    frames = torch.arange(32 * 48).remainder(251).to(torch.uint8).view(1, 1, 32, 48).expand(4, 3, 32, 48)
    seen = set()
    for seed in range(200):
        moved = variant(Augmentation(rgb_pad=2), (frames, window()[1], LEFT), seed)[0]
        padded = torch.nn.functional.pad(frames.float(), (2, 2, 2, 2), mode="replicate").to(torch.uint8)
        fits = [(y, x) for y in range(5) for x in range(5) if torch.equal(padded[..., y : y + 32, x : x + 48], moved)]
        assert fits
        seen.add(fits[0])
    assert len(seen) == 25


def test_a_crop_keeps_between_the_smallest_part_and_all_of_a_ramp():
    ramp = torch.linspace(0, 255, 200).to(torch.uint8).expand(1, 3, 100, 200)
    spans = [
        int(moved.max()) - int(moved.min())
        for seed in range(60)
        for moved in [variant(Augmentation(random_crop=(0.6, 0.9)), (ramp, window()[1], LEFT), seed)[0]]
    ]
    assert 0.58 * 255 < min(spans) < 0.65 * 255 and 0.85 * 255 < max(spans) < 0.92 * 255


def test_a_flat_window_stays_flat_when_cropped():
    flat = torch.full((2, 3, 30, 40), 255, dtype=torch.uint8)
    assert torch.equal(variant(Augmentation(random_crop=0.5), (flat, window()[1], LEFT))[0], flat)


def test_brightness_scales_contrast_keeps_the_mean_and_saturation_and_hue_keep_greys():
    frames = torch.randint(60, 120, (4, 3, 20, 20), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    grey = frames[:, :1].expand(-1, 3, -1, -1).contiguous()
    for seed in range(10):
        ratio = jittered(frames, seed, brightness=0.5).float() / frames
        assert ratio.std() < 0.01 and 0.49 < ratio.mean() < 1.51
        assert abs(jittered(grey, seed, contrast=0.5).float().mean() - grey.float().mean()) < 0.5
        for name, strength in (("saturation", 1.0), ("hue", 0.5)):
            assert (jittered(grey, seed, **{name: strength}).int() - grey).abs().max() <= 1
            assert not torch.equal(jittered(frames, seed, **{name: strength}), frames)


def jittered(frames, seed, **strength):
    return variant(Augmentation(color_jitter=strength), (frames, window()[1], LEFT), seed)[0]


# Seeds


def test_a_sample_depends_on_seed_epoch_and_index_and_nothing_else():
    augmentation, given = Augmentation(**EVERYTHING), window()
    torch.manual_seed(1)
    first = augmentation.apply(*given, generator_of(7, 3, 11))
    torch.manual_seed(2)
    torch.rand(5)
    assert same(first, augmentation.apply(*given, generator_of(7, 3, 11)))
    for seed, number, index in ((8, 3, 11), (7, 4, 11), (7, 3, 12)):
        assert not torch.equal(first[0], augmentation.apply(*given, generator_of(seed, number, index))[0])


def test_switching_one_option_on_leaves_the_draws_of_the_others_alone():
    given = window()
    for seed in range(5):
        shifted = variant(Augmentation(rgb_pad=5), given, seed)[0]
        assert torch.equal(variant(Augmentation(rgb_pad=5, mirror=1e-9), given, seed)[0], shifted)
        mirrored = variant(Augmentation(mirror=1), given, seed)
        assert torch.equal(
            variant(Augmentation(rgb_pad=5, mirror=1), given, seed)[0],
            variant(Augmentation(rgb_pad=5), mirrored, seed)[0],
        )


def test_about_as_many_windows_are_mirrored_as_asked_for():
    given = window(size=(2, 2))
    told = [Augmentation(mirror=0.3).apply(*given, generator_of(0, 0, index))[2] for index in range(1000)]
    assert 250 < sum(each != LEFT for each in told) < 350


# Values


@pytest.mark.parametrize(
    "wrong",
    [
        {"mirror": 1.5},
        {"mirror": True},
        {"color_jitter": -0.1},
        {"color_jitter": {"brightnes": 0.1}},
        {"color_jitter": {"hue": 0.6}},
        {"random_crop": 0},
        {"random_crop": [0.9, 0.8]},
        {"random_crop": [0.9]},
        {"random_crop": "0.9"},
        {"rgb_pad": -1},
        {"rgb_pad": 1.5},
    ],
)
def test_a_value_out_of_range_is_named_with_what_is_expected(wrong):
    (name,) = wrong
    with pytest.raises(ConfigError, match=rf"dataset block: {name} is .*, expected "):
        Augmentation(**wrong)


def test_all_wrong_values_are_said_at_once():
    with pytest.raises(ConfigError, match=r"mirror is 2.*; rgb_pad is -1"):
        Augmentation(mirror=2, rgb_pad=-1)


def test_values_from_json_are_taken_as_they_come():
    assert Augmentation(mirror=1, color_jitter={"hue": 0.1}, random_crop=[0.8, 1]).jitter["brightness"] == 0
    assert Augmentation(random_crop=[0.8, 0.9]).crop == (0.8, 0.9)
    assert tuple(each.name for each in dataclasses.fields(Augmentation)) == AUGMENT_KEYS


def test_the_sheet_shows_the_original_and_eleven_variants():
    frames, _, _ = window(size=(20, 30))
    sheet = augmentation_sheet(frames, Augmentation(**EVERYTHING), seed=1)
    assert sheet.shape == (3 * 24 - 4, 4 * 34 - 4, 3) and sheet.dtype == np.uint8
    np.testing.assert_array_equal(sheet[:20, :30], frames[0].permute(1, 2, 0).numpy())
    tiles = [sheet[24 * row : 24 * row + 20, 34 * column : 34 * column + 30] for row in range(3) for column in range(4)]
    assert len({tile.tobytes() for tile in tiles}) == 12
    np.testing.assert_array_equal(sheet, augmentation_sheet(frames, Augmentation(**EVERYTHING), seed=1))


# The epoch that workers see


def see(shared, pipe):
    pipe.send(shared.value)
    pipe.recv()
    pipe.send(shared.value)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_process_started_before_sees_the_epoch_change(method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} on this system")
    context, shared = multiprocessing.get_context(method), epoch.SharedEpoch(3)
    here, there = context.Pipe()
    process = context.Process(target=see, args=(shared, there))
    process.start()
    assert here.recv() == 3
    shared.value = 4
    here.send("go on")
    assert here.recv() == 4
    process.join(30)


def test_a_copy_made_by_pickling_has_the_epoch_of_then():
    shared = epoch.SharedEpoch(5)
    copy = pickle.loads(pickle.dumps(shared))
    shared.value = 6
    assert copy.value == 5
    copy.value = 9
    assert shared.value == 6


def test_a_run_has_one_epoch():
    epoch.set_epoch(2)
    assert epoch.run_epoch().value == 2
    epoch.set_epoch(0)
