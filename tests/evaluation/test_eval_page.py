"""What an evaluation shows: a page that is whole and safe, policies compared, curves of runs."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from robovlms_mobile.cli import main as cli
from robovlms_mobile.errors import CheckpointError, DataError, MobileError
from robovlms_mobile.evaluation.comparison import compare
from robovlms_mobile.evaluation.eval_files import table
from robovlms_mobile.evaluation.eval_page import WORST, by_frame, confusion, write_page
from robovlms_mobile.evaluation.judgement import evaluate
from robovlms_mobile.evaluation.offline import Shown
from robovlms_mobile.evaluation.run_curves import draw, history_of, metrics
from robovlms_mobile.scoring.scored import Scored

SPEED, DIMS = 1.15, ("linear_x", "linear_y")
EVIL = '<script>alert("x")</script> & 왼쪽으로 http://example.invalid/a.png'


class Off:
    """Forward, `off` m/s too fast, whatever it sees."""

    def __init__(self, off):
        self.off = off

    def reset(self, instructions):
        self.rng = np.random.default_rng(0)

    def act(self, frames):
        return np.tile([SPEED + self.off, 0.0], (len(frames), 2, 1)) + self.rng.normal(0, 0.1, (len(frames), 2, 2))


def judged(off, count=12):
    rng = np.random.default_rng(5)
    shown = []
    for number in range(count):
        actual = np.array([[SPEED, 0], [SPEED, SPEED], [0, 0]])[rng.integers(0, 3, 8 + number % 3)].astype(float)
        frames = rng.integers(0, 255, (len(actual), 16, 16, 3), dtype=np.uint8)
        shown.append(Shown(f"e{number}", "1box_hori_left", "Go.", frames, actual))
    shown[3] = replace(shown[3], instruction=EVIL, name='episode_x"><img src=y onerror=z>.h5')
    taught = [(each.actual, each.scenario) for each in shown]
    return evaluate(Off(off), shown, taught, DIMS, SPEED, settings={"policy": EVIL, "data": "d", "notes": [EVIL]})


@pytest.fixture(scope="module")
def fast():
    return judged(0.3)


class Tags(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.tags, self.references, self.open = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.references += [value for name, value in attributes if name in ("src", "srcset", "href", "action")]
        assert not [name for name, _ in attributes if name.startswith("on")]
        if tag not in ("meta", "link", "img", "br", "line", "circle", "path", "polyline"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in self.open:
            assert self.open.pop() == tag, tag


def test_the_page_loads_nothing_runs_nothing_and_is_whole(fast, tmp_path):
    page = write_page(fast, tmp_path).read_text(encoding="utf-8")
    seen = Tags(page)
    assert seen.open == [] and "script" not in seen.tags
    assert all(each.startswith(("data:", "#")) for each in seen.references)
    assert "url(" not in page and "&lt;script&gt;" in page
    assert not re.search(r'[ ",]nan[ ",]', page), "a place that is no number"
    assert seen.tags.count("img") == 12 * 8  # eight frames an episode
    assert page.count('class="episode"') == 12 and "more episodes" not in page
    shown = [float(each) for each in re.findall(r"<h3>(\d\.\d+) m/s", page)]
    assert shown == sorted(shown, reverse=True) and len(shown) == 12


def test_only_the_worst_of_many_episodes_are_shown(tmp_path):
    page = write_page(judged(0.3, WORST + 4), tmp_path).read_text(encoding="utf-8")
    assert page.count('class="episode"') == WORST and "4 more episodes" in page


def test_confusion_counts_every_frame_once():
    actual = np.array([[SPEED, 0], [SPEED, 0], [0, 0]])
    predicted = np.array([[SPEED, 0], [SPEED, SPEED], [0.2, 0]])
    rows = confusion([Scored("e", "a", predicted[:, None], actual)], DIMS, SPEED)
    assert sum(count for row in rows for count, _ in row) == 3
    assert rows[0][0] == (1, 0.5) and rows[0][7] == (1, 0.5) and rows[8][8] == (1, 1.0)


def test_error_by_frame_is_over_the_episodes_that_have_the_frame():
    still = [Scored("e", "a", np.full((length, 1, 2), 1.0 * length), np.zeros((length, 2))) for length in (1, 3)]
    np.testing.assert_allclose(by_frame(still), [2, 3, 3])


def test_the_table_has_a_row_for_each_that_was_asked(fast):
    text = table(fast.info)
    assert len(text.splitlines()) == 1 + 1 + 6 + 5
    assert "image first frame" in text and "cannot be asked" in text, "no instruction has a side"
    assert max(map(len, text.splitlines())) < 160


def test_policies_that_cannot_be_told_apart_are_tied():
    close = compare({"a": judged(0.3), "b": judged(0.3000001), "c": judged(0.9)})
    assert close["n_episodes"] == 12 and close["mae"]["tied"] in ([["a", "b"]], [])
    found = {(row["one"], row["other"]): row for row in close["mae"]["pairs"]}
    assert found["a", "c"]["better"] == "a" and found["b", "c"]["better"] == "b"
    low, high = found["a", "c"]["change_ci95"]
    assert 0.2 < low <= found["a", "c"]["change"] <= high < 0.4
    assert close["balanced_direction_accuracy"]["tied"] and "are tied" in close["sentences"][0]
    assert close["mae"]["ranking"][-1] == "c"


def test_policies_without_a_common_episode_are_not_compared(fast):
    other = replace(fast, scored=[replace(each, name=f"x{each.name}") for each in fast.scored])
    with pytest.raises(DataError, match="no validation episode in common"):
        compare({"a": fast, "b": other})


def run_of(folder, epochs, **logged):
    folder.mkdir(parents=True)
    rows = [
        {"epoch": n, "step": n, "train_loss": 1 / (n + 1), "val_loss": None if n == 0 else 0.5, "logged": logged}
        for n in range(epochs)
    ]
    (folder / "losses.csv").write_text("epoch,step,train_loss,val_loss,gap\n")
    (folder / "run.json").write_text(json.dumps({"epochs": rows}))
    return folder


def test_curves_of_two_runs_are_one_picture(tmp_path, capsys):
    one = run_of(tmp_path / "one", 3, val_mae=0.2, val_loss_arm=1.0)
    other = run_of(tmp_path / "other", 2, val_mae=0.3, val_stops=0.1)
    histories = {"one": history_of(one), "other": history_of(other)}
    assert metrics(histories) == ["val_mae", "val_stops"]
    assert cli(["plot", str(one), str(other), "--out", str(tmp_path / "curves.png")]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "curves.png")
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.width > 1200 and len(picture.convert("RGB").getcolors(1 << 20)) > 10
    draw(histories, tmp_path / "curves.svg")
    assert (tmp_path / "curves.svg").read_text().startswith("<?xml")


def test_what_cannot_be_drawn_is_said(tmp_path):
    run = run_of(tmp_path / "one", 0)
    with pytest.raises(CheckpointError, match="has no epoch yet"):
        history_of(run)
    (run / "run.json").write_text("{")
    with pytest.raises(CheckpointError, match="cannot be read as a run's record"):
        history_of(run)
    with pytest.raises(CheckpointError, match="No run in"):
        history_of(tmp_path / "nowhere")
    with pytest.raises(MobileError, match=r"ends in \.png, \.svg, \.pdf"):
        draw({"a": []}, tmp_path / "curves.gif")
