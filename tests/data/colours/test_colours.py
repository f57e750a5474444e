"""RGB or BGR: what pictures tell is decided right, what they do not tell is asked, and a run keeps the answer."""

import io
import json
import subprocess
import sys
import warnings
from dataclasses import replace

import h5py
import numpy as np
import pytest
from PIL import Image
from support.runs import TRAIN

from robovlms_mobile.cli import main
from robovlms_mobile.config.unsaid_colours import say_colours
from robovlms_mobile.data.block import Block
from robovlms_mobile.data.colours import sources, unsaid
from robovlms_mobile.data.colours.hues import VIDEO, ratios, scenes, seen
from robovlms_mobile.data.colours.sources import sources_of
from robovlms_mobile.data.colours.unsaid import KEPT, settled
from robovlms_mobile.data.dataset import MobileVLAH5Dataset
from robovlms_mobile.data.hdf5.episode_file import read_episode
from robovlms_mobile.errors import ConfigError
from robovlms_mobile.simulation.recordings import simulate_episode, write_recording

EPISODES = 12
TEXT = "Drive to the cup."


@pytest.fixture(scope="module")
def recordings():
    """Twelve rooms, two frames each, (72, 128)."""
    return [simulate_episode(index, 1, (128, 72), 2) for index in range(EPISODES)]


def write(folder, recordings, turned=False, told=None, grey=False, date="20251114"):
    """Write a day's recordings; `turned` swaps red and blue, `told` is what the files say."""
    folder.mkdir(exist_ok=True)
    for each in recordings:
        path = write_recording(folder / f"{each.name.replace('20251114', date)}.h5", each)
        with h5py.File(path, "a") as file:
            images = each.images.mean(-1, keepdims=True).repeat(3, -1).astype(np.uint8) if grey else each.images
            file["images"][...] = images[..., ::-1] if turned else images
            del file.attrs["color_order"]
            file.attrs.update({"color_order": told} if told else {})
    return folder


def found(folder, **options):
    return sources_of([read_episode(path) for path in sorted(folder.glob("*.h5"))], **options)


def block(folder, **options):
    return Block(data_dir=str(folder), **options)


@pytest.mark.parametrize("turned", [False, True])
def test_synthetic_rooms_are_decided_right(recordings, tmp_path, turned):
    (source,) = found(write(tmp_path, recordings, turned))
    assert source.decided == ("bgr" if turned else "rgb") and source.told is None
    assert source.name == "2025-11-14, images, 128x72" and len(source.episodes) == EPISODES


def test_grey_pictures_tell_nothing(recordings, tmp_path):
    (source,) = found(write(tmp_path, recordings, grey=True))
    assert source.decided is None and source.chance == pytest.approx(0.5)
    with pytest.raises(ConfigError, match=r'RGB or BGR\?.*undecided, 50% .*data check .*"color_order": "rgb" or "bgr"'):
        settled(block(tmp_path))
    with pytest.raises(ConfigError, match="RGB or BGR"):
        MobileVLAH5Dataset(data_dir=str(tmp_path), window_size=2, fwd_pred_next_n=2, is_training=True)
    assert not list(tmp_path.rglob(KEPT))


@pytest.mark.parametrize("verb", [["data", "cache"], ["data", "export", "--to", "nowhere"]])
def test_verbs_that_read_frames_ask_as_a_run_does(recordings, tmp_path, verb, capsys):
    folder = write(tmp_path / "grey", recordings[:2], grey=True)
    assert main([*verb, str(folder)]) != 0
    assert "RGB or BGR?" in capsys.readouterr().err
    assert not list(folder.rglob("*.npy"))
    assert main(["data", "cache", "--color-order", "bgr", "--size", "8", str(folder), "--json"]) == 0
    assert "-bgr-" in json.loads(capsys.readouterr().out)["folder"]


def test_all_evidence_changes_its_sign_with_the_reading(recordings):
    frames = [each.images[0] for each in recordings]
    told = [seen([frame]) for frame in frames[:4]]
    one, other = ([seen([frame[..., ::step]], "the red cup") for frame in frames[4:]] for step in (1, -1))
    straight, turned = ratios(one, told), ratios(other, told)
    assert straight.keys() == turned.keys() and straight["usual colours"] > 1
    for kind, value in straight.items():
        assert turned[kind] == pytest.approx(-value, abs=0.2), kind


def test_pictures_that_look_alike_count_as_one_scene(recordings):
    looks = [seen([each.images[0]]) for each in recordings]
    assert scenes(looks[:1] * 9) == 1 and 4 < scenes(looks) <= EPISODES
    assert ratios(looks[:1] * 9)["usual colours"] == pytest.approx(ratios(looks[:1])["usual colours"])


def jpeg(frame):
    content = io.BytesIO()
    Image.fromarray(frame).save(content, "JPEG", quality=90)
    return np.asarray(Image.open(content))


def video(frame):
    return np.clip(np.rint(np.rint(frame @ VIDEO.T) @ np.linalg.inv(VIDEO).T), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("through", [jpeg, video])
def test_a_camera_that_sent_ycbcr_is_decided_whatever_it_shows(recordings, through):
    """Also where its pictures are bluer than pictures are."""
    cold = [np.clip(each.images[0] * [0.7, 0.9, 1.2] - 5, 0, 255).astype(np.uint8) for each in recordings[:3]]
    sent = [np.tile(through(frame), (4, 4, 1)) for frame in cold]
    for step, sign in ((1, 1), (-1, -1)):
        looks = [seen([frame[..., ::step]]) for frame in sent]
        assert sign * ratios(looks)["camera's YCbCr"] == pytest.approx(4) and ratios(looks)["usual colours"] * sign < 0
        unpacked = [seen([frame[..., ::step]], raw=False) for frame in sent]  # a JPEG's own YCbCr says nothing
        assert ratios(unpacked)["camera's YCbCr"] == 0
    assert ratios([seen([np.tile(frame, (4, 4, 1))]) for frame in cold])["camera's YCbCr"] == 0


def test_a_colour_that_the_instruction_names_is_looked_for():
    frame = np.full((54, 96, 3), 120, np.uint8)
    frame[20:24, 40:46] = [220, 30, 25]
    named = [
        ratios([seen([frame], text)])["colours named"] for text in ("To the red cup.", "빨간 컵", "To the blue cup")
    ]
    assert named[0] > 1 and named[1] == named[0] and named[2] < -1 and "red" not in TEXT
    assert ratios([seen([frame], TEXT)])["colours named"] == 0


def test_files_that_say_are_what_silent_ones_are_compared_with(recordings, tmp_path):
    """Of one room, whose colours alone leave it open."""
    room = simulate_episode(4, 7, (128, 72), 2)
    one = np.add(room.images, [14, 0, -14])
    for name, day, turned, told in (("told", 10, True, "bgr"), ("silent", 11, True, None), ("other", 12, False, None)):
        for number in range(3):
            path = tmp_path / f"episode_202511{day}_09000{number}_{name}.h5"
            with h5py.File(path, "w") as file:
                file["images"] = np.clip(one, 0, 255).astype(np.uint8)[..., :: -1 if turned else 1]
                file["actions"] = np.zeros((2, 3), np.float32)
                file.attrs.update({"color_order": told} if told else {})
    told, silent, other = found(tmp_path)
    assert (told.told, silent.told, other.told) == ("bgr", None, None)
    assert silent.evidence["files that say"] < -1.5 and other.evidence["files that say"] > 1.5


def test_a_day_that_leaves_it_open_follows_the_others_of_its_layout(recordings, tmp_path):
    write(tmp_path, recordings, turned=True)
    write(tmp_path, recordings[:1], turned=True, grey=True, date="20251115")
    assert [each.decided for each in found(tmp_path)] == ["bgr", "bgr"]
    write(tmp_path, recordings, date="20251116")
    assert [each.decided for each in found(tmp_path)] == ["bgr", None, "rgb"]


def test_a_run_takes_what_pixels_decide_and_keeps_it(recordings, tmp_path, monkeypatch):
    write(tmp_path, recordings, turned=True)
    with pytest.warns(
        UserWarning, match=r'12 of 12 files do not say RGB or BGR, .*bgr, 9\d% sure. "color_order": "bgr"'
    ):
        assert settled(block(tmp_path)).color_order == "bgr"
    kept = json.loads(next(tmp_path.rglob(KEPT)).read_text())
    assert kept["order"] == "bgr" and kept["confidence"] >= sources.SURE and len(kept["files"]) == EPISODES
    asked = []
    monkeypatch.setattr(unsaid, "sources_of", lambda *args: asked.append(1) or sources_of(*args))
    given = {
        "train_dataset": {"type": "MobileVLAH5Dataset", "data_dir": str(tmp_path)},
        "val_dataset": {"type": "Other"},
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        say_colours(given)
        assert settled(block(tmp_path, color_order="rgb")).color_order == "rgb"
    assert given["train_dataset"]["color_order"] == "bgr" and len(given["val_dataset"]) == 1 and not asked
    next(tmp_path.rglob(KEPT)).write_text('{"version": 1}')
    with pytest.warns(UserWarning, match="Colours"):
        assert settled(block(tmp_path)).color_order == "bgr" and asked == [1]
    next(tmp_path.glob("*.h5")).touch()
    with pytest.warns(UserWarning, match="Colours"):
        assert settled(block(tmp_path)).color_order == "bgr" and asked == [1, 1]


def test_files_that_all_say_are_not_looked_at(recordings, tmp_path):
    write(tmp_path, recordings[:2], turned=True, told="bgr")
    write(tmp_path, recordings[2:4], told="rgb")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert settled(block(tmp_path)).color_order == "rgb"  # nobody asks
    assert [(each.told, each.evidence) for each in found(tmp_path)] == [("bgr", {}), ("rgb", {})]
    doubted = {each.told: each.chance for each in found(tmp_path, doubt=True)}
    assert doubted["bgr"] < 0.5 < doubted["rgb"]


def test_a_mixed_folder_is_refused_with_commands_that_mend_it(recordings, tmp_path):
    write(tmp_path, recordings, turned=True)
    write(tmp_path, recordings, date="20251116")
    with pytest.raises(
        ConfigError, match=r"RGB and BGR are mixed: 2025-11-14.*: pixels say 9\d% bgr.*2025-11-16.*9\d% rgb"
    ) as raised:
        settled(block(tmp_path))
    commands = [each.rstrip(".") for each in str(raised.value).partition("what they are: ")[2].split("; python")]
    script = commands[0].partition('-c "')[2].rstrip('"')
    subprocess.run([sys.executable, "-c", script], check=True)
    orders = [read_episode(path).color_order for path in sorted(tmp_path.glob("*.h5"))]
    assert orders == ["bgr"] * EPISODES + [None] * EPISODES
    with pytest.warns(UserWarning, match="12 of 24 files do not say"):
        assert settled(block(tmp_path)).color_order == "rgb"


def test_a_command_writes_into_no_file_of_another_source(recordings, tmp_path):
    write(tmp_path, recordings, turned=True)
    for path in sorted(tmp_path.glob("*.h5"))[1::2]:  # as an older collector has them, on the same day
        with h5py.File(path, "a") as file:
            file["observations/images"] = file["images"][()][..., ::-1]
            del file["images"]
    one, other = (replace(each, chance=chance) for each, chance in zip(found(tmp_path), (0.01, 0.99), strict=True))
    fix = unsaid.written([one, other])
    assert fix.endswith(
        "folders of their own: those of 2025-11-14, images, 128x72; 2025-11-14, observations/images, 128x72"
    )
    for path in (each.path for each in other.episodes):
        path.unlink()
    assert "color_order', 'bgr'" in unsaid.written([one, other]) and one.is_apart


@pytest.mark.slow
def test_a_run_asks_before_it_builds_anything(recordings, tmp_path, upstream_root, run_python, write_config):
    folder = write(tmp_path / "grey", recordings[:4], grey=True)
    blocks = {name: {"data_dir": str(folder), "color_order": None} for name in ("train_dataset", "val_dataset")}
    done = run_python([*TRAIN, upstream_root, write_config(tmp_path, **blocks)], cwd=tmp_path)
    assert done.returncode != 0 and "Traceback" not in done.stderr
    assert "are the colours RGB or BGR?" in done.stderr and '"color_order": "rgb" or "bgr" into both' in done.stderr
    assert not list(tmp_path.rglob("run.json")) and not list(folder.rglob("*.npy"))
