"""`data check` names every file and everything about it that looks wrong, worst first."""

import json
import shutil

import h5py
import numpy as np
import pytest
from PIL import Image

from robovlms_mobile.checking.folder import check_folder
from robovlms_mobile.cli import main
from robovlms_mobile.data.block import Block
from robovlms_mobile.errors import DataError
from robovlms_mobile.simulation.recordings import write_episodes


@pytest.fixture
def folder(tmp_path):
    """Eight faultless episodes, one a scenario, of 18 frames."""
    write_episodes(tmp_path / "data", episodes=8, seed=3, size=(64, 36))
    return tmp_path / "data"


def check(folder, **options):
    return check_folder(Block(data_dir=str(folder), **options))


def first(folder):
    return sorted(folder.glob("*.h5"))[0]


def change(folder, key, edit):
    """Edit a dataset (or, with a dot, an attribute) of the first file; return its name."""
    path = first(folder)
    with h5py.File(path, "a") as file:
        if key.startswith("."):
            file.attrs[key[1:]] = edit
        else:
            value = edit(file[key][()])
            del file[key]
            file[key] = value
    return path.name


def test_faultless_episodes_give_no_finding(folder):
    found = check(folder)
    assert (found.episodes, found.good, found.frames) == (8, 8, 144)
    assert found.bad == [] and found.warnings == []
    assert sum(found.windows.values()) == 8 * 18


def set_frame(number, value):
    def edit(images):
        images[number] = value
        return images

    return edit


def repeat_frame(images):
    images[5] = images[4]
    return images


def set_action(frame, dim, value):
    def edit(actions):
        actions[frame, dim] = value
        return actions

    return edit


FAULTS = {
    "black": ("images", set_frame(3, 0), "frame 3 is black"),
    "blown out": ("images", set_frame(3, 255), "frame 3 is blown out"),
    "covered": ("images", set_frame(3, 90), "one flat colour"),
    "frozen": ("images", repeat_frame, "frame 5 is the same picture as the one before"),
    "first action": ("actions", set_action(0, 0, 1.15), "the first action is"),
    "odd speed": ("actions", set_action(7, 1, 0.4), "frame 7 is driven at speeds other than"),
    "turning": ("actions", set_action(7, 2, 0.5), "angular_z is used in 1 frames"),
    "frame count": (".num_frames", 17, "num_frames is 17, and there are 18"),
    "renamed": (".episode_name", "episode_20200101_000000", "the file was renamed"),
    "duration": (".total_duration", -1.0, "total_duration is -1.0"),
    "layout": (".obstacle_layout_type", "2box_vert_right", "and the name says 1box_hori_left"),
    "events": ("action_event_types", lambda events: events[:-2], "16 entries for 18 frames"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_its_file(folder, fault):
    key, edit, expected = FAULTS[fault]
    name = change(folder, key, edit)
    (finding,) = check(folder).warnings
    assert finding.file == name and expected in finding.problem


def test_what_the_collector_noted_and_cannot_be_read_is_told(folder):
    with h5py.File(first(folder), "a") as file:
        del file["action_event_types"]
        file["action_event_types"] = np.arange(18)
        file.attrs["total_duration"] = np.arange(4.0)
    problems = [each.problem for each in check(folder).warnings]
    assert any("'action_event_types' cannot be read" in each for each in problems)
    assert any("attribute total_duration is [0.0, 1.0, 2.0, 3.0], expected seconds" in each for each in problems)


def test_frames_that_were_lost_are_told_by_their_times(folder):
    seconds = np.arange(18) * 0.2
    seconds[9:] += 1.8
    with h5py.File(first(folder), "a") as file:
        file["timestamps"] = seconds
    (found,) = [each for each in check(folder).warnings if "late" in each.problem]
    assert found.problem.startswith("frame 9 is late: 2 s after the one before, where 0.2 s are usual")


def test_copies_are_found_by_their_pixels_whatever_their_name(folder):
    copy = folder / "episode_20251120_101010_1box_hori_left_core_far.h5"
    shutil.copy(first(folder), copy)
    problems = {each.problem.partition(":")[0] for each in check(folder).warnings if each.file == copy.name}
    assert f"the same pixels as {first(folder).name}" in problems


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("episode_20251399_101010_1box_hori_left_core_far.h5", "is no time"),
        ("episode_29990101_101010_1box_hori_left_core_far.h5", "in the future"),
        ("episode_of_monday.h5", "the name is not episode_YYYYMMDD"),
    ],
)
def test_names_that_say_nothing_or_nonsense_are_found(folder, name, expected):
    first(folder).rename(folder / name)
    assert any(expected in each.problem for each in check(folder).warnings if each.file == name)


def test_the_worst_comes_first(folder):
    change(folder, ".total_duration", -1.0)
    change(folder, "images", set_frame(3, 0))
    change(folder, ".num_frames", 17)
    assert [each.rank for each in check(folder).warnings] == [1, 2, 3]


def test_files_that_cannot_be_used_are_listed_and_the_exit_status_says_so(folder, capsys):
    names = [path.name for path in sorted(folder.glob("*.h5"))[:2]]
    (folder / names[0]).write_bytes(b"not hdf5")
    with h5py.File(folder / names[1], "a") as file:
        del file["actions"]
    assert main(["data", "check", str(folder), "--json"]) == 1
    result = json.loads(capsys.readouterr().out)
    listed = {"bad", "warnings", "misleading", "windows", "events", "colours"}
    assert set(result) == {"episodes", "frames", "good", "picture", *listed} and result["picture"] is None
    assert (result["episodes"], result["good"]) == (8, 6)
    assert [each["file"] for each in result["bad"]] == names
    assert "no 'actions'" in result["bad"][1]["problem"]


def test_pixels_that_do_not_decode_make_a_file_bad(folder):
    path = first(folder)
    with h5py.File(path, "a") as file:
        file["images"].id.write_direct_chunk((0, 0, 0, 0), b"not gzip at all")
    (finding,) = check(folder).bad
    assert finding.file == path.name and "cannot be decoded" in finding.problem


def test_the_bar_knows_how_many_there_are(folder, capsys, monkeypatch):
    import tqdm

    shown, stock = [], tqdm.tqdm

    def bar(*args, **options):
        shown.append(stock(*args, **{**options, "delay": 0}))
        return shown[-1]

    monkeypatch.setattr(tqdm, "tqdm", bar)
    assert main(["data", "check", str(folder)]) == 0
    assert (shown[0].n, shown[0].total) == (8, 8) and "8/8 [" in capsys.readouterr().err
    assert shown[0].unit == " episodes"  # 2.1 episodes/s, not 2.1episodes/s


def test_faultless_folders_exit_with_zero(folder, capsys):
    assert main(["data", "check", str(folder)]) == 0
    assert "8 of 8 episodes good, 144 frames" in capsys.readouterr().out


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"no \.h5 file at all"):
        check(tmp_path)


def test_nothing_is_written_into_the_folder(folder):
    before = sorted(folder.iterdir())
    check(folder)
    assert sorted(folder.iterdir()) == before
    assert np.all([path.suffix == ".h5" for path in before])


def test_both_readings_of_colours_nobody_speaks_of_are_a_picture(folder, tmp_path, capsys):
    for path in folder.glob("*.h5"):
        with h5py.File(path, "a") as file:
            del file.attrs["color_order"]
    assert main(["data", "check", str(folder)]) == 0
    place = folder / ".robovlms-mobile" / "colours.png"
    assert f"Both readings of each source: {place}" in capsys.readouterr().out
    with Image.open(place) as page:
        sheet = np.asarray(page)
    one, other = sheet[-276:-6, 6:486], sheet[-276:-6, 492:972]  # 270 rows of 480 pixels each
    assert np.array_equal(one, other[..., ::-1]) and not np.array_equal(one, other)
    assert main(["data", "check", str(folder), "--picture", str(tmp_path / "here" / "both.png"), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["picture"] == str(tmp_path / "here" / "both.png") and (tmp_path / "here" / "both.png").is_file()
    assert (
        result["colours"][0]["told"] is None and "2025-11-14, images, 64x36 (8 files)" in result["colours"][0]["source"]
    )
