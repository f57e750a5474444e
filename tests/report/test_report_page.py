"""The page: whole, on its own, and safe whatever the files say."""

import argparse
import json
import re
import shutil
import sys
from dataclasses import replace
from html.parser import HTMLParser

import h5py
import numpy as np
import pytest
from support.vintages import july_2026

from robovlms_mobile.cli import data_report
from robovlms_mobile.data.block import Block
from robovlms_mobile.data.frame_store.build import build
from robovlms_mobile.data.frame_store.store import open_store
from robovlms_mobile.data.hdf5.episode_file import read_episode
from robovlms_mobile.errors import DataError, MobileError
from robovlms_mobile.report.looks import Looks
from robovlms_mobile.report.pictures import sample
from robovlms_mobile.report.records import record_of
from robovlms_mobile.report.settings import Settings
from robovlms_mobile.report.writing import write_report

EVIL = '<script>alert("x")</script> & 왼쪽으로 http://example.invalid/a.png'


@pytest.fixture(scope="module")
def evil(episodes, tmp_path_factory):
    """The six episodes, one said twice under a hostile name with a hostile instruction, one cut short."""
    folder = tmp_path_factory.mktemp("evil")
    paths = sorted(episodes.glob("*.h5"))
    for path in paths:
        shutil.copy(path, folder)
    copy = folder / 'episode_x"><img src=y onerror=z>.h5'
    shutil.copy(paths[0], copy)
    with h5py.File(copy, "a") as file:
        if "language_instruction" in file:
            del file["language_instruction"]
        file.create_dataset("language_instruction", data=[EVIL], dtype=h5py.string_dtype("utf-8"))
    (folder / "episode_<b>short.h5").write_bytes(paths[1].read_bytes()[:700])
    return folder


@pytest.fixture(scope="module")
def report(evil, tmp_path_factory):
    """(facts, folder, page) of the hostile episodes, with what was told of the progress."""
    out, told = tmp_path_factory.mktemp("report"), []
    facts = write_report(evil, out, progress=lambda *step: told.append(step))
    return facts, out, (out / "report.html").read_text(encoding="utf-8"), told


class Tags(HTMLParser):
    """Collects tags and what they refer to."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.references = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.references += [value for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]
        assert not any(name.startswith("on") for name, _ in attrs)


def test_the_page_refers_to_nothing_outside_itself(report):
    parsed = Tags(report[2])
    assert all(value.startswith(("data:", "#")) for value in parsed.references)
    assert not {"script", "iframe", "object", "embed", "form"} & set(parsed.tags)
    assert not re.search(r"url\(|@import", report[2])


def test_every_link_in_the_page_has_its_target(report):
    links = [value[1:] for value in Tags(report[2]).references if value.startswith("#")]
    assert links
    assert all(f'id="{link}"' in report[2] for link in links)


def test_what_files_say_is_shown_and_never_obeyed(report):
    page = report[2]
    assert "<script" not in page
    assert "<img src=y" not in page
    assert "&lt;script&gt;" in page
    assert "왼쪽으로" in page


def test_bad_files_are_named_and_the_rest_is_counted(report):
    facts, _, page, _ = report
    assert facts.episodes == 7
    assert len(facts.bad) == 1
    assert "episode_&lt;b&gt;short.h5" in page


def test_a_copy_is_shown_beside_its_original(report):
    facts, out, page, _ = report
    assert [(pair.distance, pair.same_actions) for pair in facts.duplicates] == [(0.0, True)]
    assert "0.0 grey levels apart, the same actions" in page
    assert (out / "near_duplicates.png").is_file()


def test_pngs_lie_beside_the_page(report):
    names = {path.name for path in report[1].iterdir()}
    drawn = {"directions.png", "directions_by_frame.png", "changes_by_frame.png", "baselines_by_frame.png"}
    assert drawn | {"contact_sheet.png", "colours.png", "report.html"} <= names
    assert any(name.startswith("paths_") for name in names)
    assert all((report[1] / name).read_bytes()[:4] == b"\x89PNG" for name in drawn)


def test_each_source_is_shown_as_rgb_and_as_bgr(report):
    _, _, page, _ = report
    assert page.count('alt="a frame read as bgr"') == page.count("<em>as the files say</em>") >= 1
    assert "files): files say rgb" in page


def test_progress_tells_of_every_kind_of_work_to_its_end(report):
    ends = {what: done == total for what, done, total in report[3]}
    assert ends == {"reading": True, "looking": True, "drawing": True}


def test_a_ready_store_gives_the_same_signatures_as_decoding(episodes, tmp_path):
    paths = sorted(episodes.glob("*.h5"))
    settings = replace(Settings(), frames_dir=str(tmp_path))
    decoded = [Looks(episodes, settings).signature(record_of(read_episode(path))) for path in paths]
    build(open_store(episodes, folder=tmp_path), paths, workers=1)
    looks = Looks(episodes, settings)
    for path, fresh in zip(paths, decoded, strict=True):
        assert looks.store.has(path)
        stored = looks.signature(record_of(read_episode(path)))
        assert np.abs(stored.astype(int) - fresh).max() <= 3
        assert looks.thumbnails(record_of(read_episode(path))).shape == (3, 144, 256, 3)


def test_frames_shown_are_those_that_are_taken_also_out_of_a_store(tmp_path):
    path = july_2026(tmp_path).path  # 74 frames in 12.4 s
    (episode,) = Block(str(tmp_path), rate=1.0).take([read_episode(path)])
    settings = replace(Settings(), image_size=8)
    store = open_store(tmp_path, 8)
    build(store, [path], workers=1)
    shown = Looks(tmp_path, settings)._frames(record_of(episode))
    wanted = store.planes(path.name)[episode.rows[[0, 6, 11]]]
    np.testing.assert_array_equal(shown, np.moveaxis(wanted, 1, -1))


def test_a_file_whose_pixels_do_not_decode_is_told_and_still_counted(episodes, tmp_path):
    for path in sorted(episodes.glob("*.h5"))[:3]:
        shutil.copy(path, tmp_path)
    broken = min(tmp_path.glob("*.h5"))
    with h5py.File(broken) as file:
        chunk = file["images"].id.get_chunk_info(0)
    with open(broken, "r+b") as file:
        file.seek(chunk.byte_offset)
        file.write(b"\xff" * chunk.size)
    facts = write_report(tmp_path, tmp_path / "out")
    assert facts.episodes == 3
    assert [broken.name in line for line in facts.undecodable] == [True]
    assert broken.name in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_the_sheet_is_spread_over_scenarios(episodes):
    records = [record_of(read_episode(path)) for path in sorted(episodes.glob("*.h5"))]
    assert len({record.scenario for record in sample(records, 6)}) == len({record.scenario for record in records})
    assert len(sample(records * 10)) <= 24


def test_one_short_episode_makes_a_page_too_and_leaves_no_picture_of_an_older_one(tmp_path):
    from robovlms_mobile.simulation.recordings import write_episodes

    write_episodes(tmp_path, episodes=1, frames=1, size=(32, 18))
    old, users = tmp_path / "out" / "near_duplicates.png", tmp_path / "out" / "mine.png"
    old.parent.mkdir()
    for path in (old, users):
        path.write_bytes(b"old")
    facts = write_report(tmp_path, tmp_path / "out")
    assert not old.exists()
    assert users.exists()
    assert facts.sides is None
    assert "Two episodes" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_the_config_sets_windows_ratio_and_augmentation(episodes, make_config, tmp_path, capsys):
    config = make_config(train_dataset={"mirror": 0.5, "color_jitter": 0.3})
    arguments = [str(episodes), "--out", str(tmp_path / "out"), "--config", str(config), "--json"]
    assert run(arguments) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["ratio"]["trainable"] == facts["ratio"]["parameters"]["lora"] + facts["ratio"]["parameters"]["head"]
    assert facts["ratio"]["windows"] == facts["sides"]["training"]["windows"] == 20
    assert sum(facts["directions"]) == facts["frames"] == 108
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "training windows to trainable parameters" in page
    assert "With windows “full”, frames 8-17 of 18 are never seen (56% of all frames)" in page
    assert (tmp_path / "out" / "augmentation.png").is_file()


def test_the_gist_names_the_page_what_to_beat_and_every_bad_file(report):
    said = data_report.format_facts(report[0], "out/report.html")
    assert "out/report.html" in said
    assert "7 (126 frames)" in said
    assert "to beat" in said
    assert "episode_<b>short.h5" in said


def test_without_a_config_the_ratio_is_left_out_and_the_page_says_so(report):
    assert report[0].ratio is None
    assert "Left out: it takes a training config" in report[2]


def test_no_episodes_is_an_error_that_names_the_folder(tmp_path):
    with pytest.raises(DataError, match="No file in"):
        write_report(tmp_path, tmp_path / "out")


@pytest.mark.parametrize("name", ["matplotlib", "jinja2"])
def test_a_missing_library_is_an_error_with_the_command_to_run(name, episodes, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MobileError, match=re.escape("pip install 'robovlms-mobile[plots]'")):
        write_report(episodes, tmp_path)


def run(arguments):
    parser = argparse.ArgumentParser()
    data_report.configure(parser)
    return data_report.run(parser.parse_args(arguments))
