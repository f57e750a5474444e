"""To and from lerobot's own LeRobotDataset; what needs the package is skipped where it is not."""

import importlib.util
import json
import os
import random
import shutil
import subprocess
import sys

import h5py
import numpy as np
import pytest
from support.damaged import damage

from robovlms_mobile.cli import main
from robovlms_mobile.data.hdf5.episode_file import read_episode
from robovlms_mobile.data.hdf5.frames import read_frames
from robovlms_mobile.data.instructions import instruction_for
from robovlms_mobile.errors import DataError, MobileError
from robovlms_mobile.interchange.lerobot_format import Place, lerobot_dataset, place_of
from robovlms_mobile.interchange.lerobot_import import import_lerobot
from robovlms_mobile.simulation.recordings import write_episodes

DAMAGED = 60  # data sets of each kind
HERE = importlib.util.find_spec("lerobot") is not None
needs_lerobot = pytest.mark.skipif(not HERE, reason="lerobot is not installed: pip install 'robovlms-mobile[lerobot]'")
GREY_LEVELS = (
    6.0  # of 255, mean: what lerobot's default AV1 may cost on pictures this small; 5.1 measured, 2.9 at 320×180
)


@pytest.fixture(scope="module")
def vintages(tmp_path_factory):
    """Two folders of recordings, two episodes each; the second stores its colours as BGR."""
    folder = tmp_path_factory.mktemp("vintages")
    for seed, name in enumerate(("november", "july")):
        write_episodes(folder / name, episodes=2, seed=seed, size=(96, 64), frames=6, date=f"2025111{seed}")
    for path in (folder / "july").iterdir():
        with h5py.File(path, "a") as file:
            file["images"][...] = file["images"][...][..., ::-1]
    return folder


@pytest.fixture(scope="module")
def exported(vintages, tmp_path_factory):
    """Both as one data set, as video: (folder, what the verb printed)."""
    place = tmp_path_factory.mktemp("exported") / "both"
    sources = [vintages / "november", vintages / "july"]
    return place, export(sources, place, "--color-order", "rgb", "bgr")


def export(folders, place, *options):
    return spoken(["data", "export", *map(str, folders), "--to", str(place), "--json", *options])


def spoken(arguments):
    """What a verb prints as JSON."""
    import contextlib
    import io

    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main(arguments) == 0
    return json.loads(out.getvalue())


def recorded(vintages):
    """(source, episode, RGB frames) of every file, in the order of the export."""
    for name, order in (("november", "rgb"), ("july", "bgr")):
        for path in sorted((vintages / name).iterdir()):
            if path.suffix == ".h5":
                episode = read_episode(path)
                yield f"{name}/{path.name}", episode, read_frames(episode, range(episode.length), order)


@needs_lerobot
def test_lerobot_reads_actions_tasks_rate_and_source_as_recorded_and_pixels_within_the_codecs_error(vintages, exported):
    place, said = exported
    dataset = lerobot_dataset()("local/both", root=place)
    assert (dataset.meta.total_episodes, len(dataset), dataset.fps) == (4, 24, 1) and said["fps"] == 1
    assert sorted(path.name for path in place.iterdir()) == ["data", "meta", "videos"]
    assert dataset.features["action"]["names"] == ["linear_x", "linear_y", "angular_z"]
    row = 0
    for source, episode, frames in recorded(vintages):
        for t, frame in enumerate(frames):
            item = dataset[row]
            assert np.array_equal(item["action"].numpy(), episode.actions[t])
            assert (item["source"], item["task"]) == (source, instruction_for(episode))
            assert item["recorded_at"].item() == pytest.approx(t * episode.seconds / episode.length, rel=1e-6)
            shown = np.moveaxis(item["observation.images.front"].numpy() * 255, 0, -1)
            assert np.abs(shown - frame).mean() < GREY_LEVELS
            row += 1
    assert 0 < said["grey_levels"] < GREY_LEVELS and said["psnr"] > 30 and said["compared"] == 3


@needs_lerobot
def test_what_comes_back_is_what_was_recorded(vintages, exported, tmp_path):
    place, _ = exported
    spoken(["data", "import", str(place), "--to", str(tmp_path / "back"), "--json"])
    for source, episode, frames in recorded(vintages):
        back = read_episode(tmp_path / "back" / source.split("/")[1])
        assert np.array_equal(back.actions, episode.actions)
        assert back.instruction == instruction_for(episode) and back.scenario == episode.scenario
        assert back.seconds == pytest.approx(episode.seconds)
        assert np.abs(read_frames(back, range(back.length)).astype(float) - frames).mean() < GREY_LEVELS
        with h5py.File(back.path) as file:
            assert file.attrs["source"] == source and file.attrs["color_order"] == "rgb"


@needs_lerobot
def test_png_frames_come_back_bit_for_bit(vintages, tmp_path):
    said = export([vintages / "november"], tmp_path / "exact", "--png", "--fps", "3")
    assert (said["grey_levels"], said["psnr"], said["fps"]) == (0, None, 3)
    spoken(["data", "import", str(tmp_path / "exact"), "--to", str(tmp_path / "back"), "--json"])
    for source, episode, frames in list(recorded(vintages))[:2]:
        back = read_episode(tmp_path / "back" / source.split("/")[1])
        assert np.array_equal(read_frames(back, range(episode.length)), frames)


@needs_lerobot
def test_rates_that_differ_are_said(vintages, tmp_path, capsys):
    shutil.copytree(vintages / "july", tmp_path / "fast")
    for path in (tmp_path / "fast").glob("*.h5"):
        with h5py.File(path, "a") as file:
            file.attrs["total_duration"] = 1.0
    folders = [str(vintages / "july"), str(tmp_path / "fast")]
    assert main(["data", "export", *folders, "--to", str(tmp_path / "new"), "--png", "--fps", "2"]) == 0
    assert "to 6)\n! rates differ" in capsys.readouterr().out
    assert lerobot_dataset()("local/new", root=tmp_path / "new").fps == 2


@needs_lerobot
def test_files_that_are_shifted_are_not_mixed_with_others(vintages, tmp_path, capsys):
    shutil.copytree(vintages / "july", tmp_path / "shifted")
    for path in (tmp_path / "shifted").glob("*.h5"):
        with h5py.File(path, "a") as file:
            file.attrs["action_shift"] = 1
    folders = [str(vintages / "july"), str(tmp_path / "shifted")]
    assert main(["data", "export", *folders, "--to", str(tmp_path / "new")]) == 1
    assert "2 of 4 files say that they are shifted by a frame" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


@needs_lerobot
def test_nothing_is_overwritten_and_nothing_half_done_is_left(vintages, exported, tmp_path, capsys):
    place, _ = exported
    assert main(["data", "export", str(vintages / "july"), "--to", str(place)]) == 1
    assert "exists. Name a folder that does not" in capsys.readouterr().err
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("x")
    assert main(["data", "import", str(place), "--to", str(tmp_path / "full")]) == 1
    assert "is not empty" in capsys.readouterr().err
    write_episodes(tmp_path / "other", episodes=1, size=(48, 32), frames=3)
    assert main(["data", "export", str(vintages / "july"), str(tmp_path / "other"), "--to", str(tmp_path / "new")]) == 1
    assert "2 sizes: 96×64" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full", "other"]
    assert main(["data", "export", str(vintages / "july"), "--to", str(tmp_path / "full" / "mine" / "new")]) == 1
    assert "cannot be written" in capsys.readouterr().err
    assert main(["data", "export", str(vintages / "july"), "--to", str(tmp_path / "new"), "--fps", "0"]) == 1
    assert "fps is 0" in capsys.readouterr().err


def foreign(root, names, cameras=("top",), tasks=("Go.", "Go.")):
    """A data set somebody else recorded, of two frames."""
    image = {"dtype": "image", "shape": (8, 8, 3), "names": ["height", "width", "channels"]}
    action = {"dtype": "float32", "shape": (len(names),), "names": list(names)}
    told = {"action": action, **{f"observation.images.{camera}": image for camera in cameras}}
    dataset = lerobot_dataset().create("local/foreign", 10, told, root=root, use_videos=False)
    for number, task in enumerate(tasks):
        pictures = {f"observation.images.{camera}": np.full((8, 8, 3), 50 + number, np.uint8) for camera in cameras}
        dataset.add_frame({"action": np.arange(1, len(names) + 1, dtype=np.float32), **pictures, "task": task})
    dataset.save_episode()
    dataset.finalize()
    return root


@needs_lerobot
def test_a_foreign_data_set_is_read_by_its_names_or_by_the_ones_given(tmp_path, capsys):
    kiwi = foreign(tmp_path / "kiwi", ["arm.pos", "x.vel", "y.vel", "theta.vel"], tasks=("Go.", "Stop."))
    said = spoken(["data", "import", str(kiwi), "--to", str(tmp_path / "a"), "--json"])
    assert said["left_out"] == ["arm.pos"] and said["several_tasks"] == 1
    episode = read_episode(tmp_path / "a" / "episode_000000.h5")
    assert episode.actions[0] == pytest.approx([2, 3, 4 * np.pi / 180]) and episode.instruction == "Go."
    assert episode.seconds == pytest.approx(0.2)
    unnamed = foreign(tmp_path / "unnamed", ["u", "v"], cameras=("top", "hand"))
    assert main(["data", "import", str(unnamed), "--to", str(tmp_path / "b")]) == 1
    assert "2 cameras. The data set has: observation.images.top, observation.images.hand" in capsys.readouterr().err
    camera = ["--camera", "observation.images.top"]
    assert main(["data", "import", str(unnamed), "--to", str(tmp_path / "b"), *camera]) == 1
    assert "--actions" in capsys.readouterr().err
    spoken(["data", "import", str(unnamed), "--to", str(tmp_path / "b"), *camera, "--actions", "linear_y", "--json"])
    assert read_episode(tmp_path / "b" / "episode_000000.h5").actions[0].tolist() == [0, 1, 0]


@needs_lerobot
def test_where_the_hub_cannot_be_reached_what_is_written_stays_and_is_named(vintages, tmp_path):
    """Pushing itself cannot be tried here. The hub is asked for when lerobot is imported: a process of its own."""
    told = {**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path)}
    verb, place = [sys.executable, "-m", "robovlms_mobile", "data"], "hf://datasets/lab/room"

    def refused(*arguments):
        done = subprocess.run([*verb, *map(str, arguments)], env=told, capture_output=True, text=True)
        assert done.returncode == 1 and "Traceback" not in done.stderr and "hf auth login" in done.stderr
        return done.stderr

    assert "The hub did not do it for lab/room" in refused("import", place, "--to", tmp_path / "in")
    assert "It is written, to" in refused("export", vintages / "july", "--to", place, "--png")
    kept = tmp_path / "lerobot" / "lab" / "room"
    assert len(lerobot_dataset()("lab/room", root=kept)) == 12


@needs_lerobot
@pytest.mark.slow
@pytest.mark.parametrize("options", [[], ["--png"]])
def test_a_damaged_data_set_is_an_error_or_read_and_leaves_nothing_half_done(vintages, tmp_path, options, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # a file that is not there is not asked for
    export([vintages / "november"], tmp_path / "whole", *options)
    files = sorted(path.relative_to(tmp_path / "whole") for path in (tmp_path / "whole").rglob("*.*") if path.is_file())
    rng, refused = random.Random(len(files)), 0
    for number in range(DAMAGED):
        copy, out = tmp_path / f"copy{number}", tmp_path / "out"  # a name of its own: `datasets` keeps what it read
        shutil.copytree(tmp_path / "whole", copy)
        damage(copy / rng.choice(files), rng, gone=True)
        try:
            import_lerobot(place_of(str(copy)), out)
            shutil.rmtree(out)
        except MobileError:
            refused += 1
            assert not out.exists()
        shutil.rmtree(copy)
    assert 0 < refused <= DAMAGED
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]


@pytest.mark.skipif(HERE, reason="lerobot is installed")
def test_where_lerobot_is_missing_the_extra_is_named(vintages, tmp_path, capsys):
    assert main(["data", "export", str(vintages / "july"), "--to", str(tmp_path / "new")]) == 1
    assert "pip install 'robovlms-mobile[lerobot]'" in capsys.readouterr().err
    with pytest.raises(MobileError, match="lerobot cannot be imported"):
        lerobot_dataset()


def test_one_colour_order_or_one_for_each_folder(vintages, tmp_path, capsys):
    folders = [str(vintages / name) for name in ("november", "july", "july")]
    assert main(["data", "export", *folders, "--to", str(tmp_path / "new"), "--color-order", "rgb", "bgr"]) == 1
    assert "2 colour orders for 3 folders" in capsys.readouterr().err


def test_a_place_is_a_folder_or_an_address_on_the_hub():
    assert place_of("hf://datasets/lab/room") == Place("lab/room", None)
    assert place_of("runs/room").root.name == "room" and place_of("runs/room").repo == "local/room"
    for wrong in ("hf://lab/room", "hf://datasets/lab", "hf://datasets/lab/"):
        with pytest.raises(DataError, match="OWNER/NAME"):
            place_of(wrong)
