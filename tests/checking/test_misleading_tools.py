"""`data check`, `data report` and `doctor` say what misleads before a GPU is busy; a run refuses one side."""

import json

import pytest
from support.doctor import look
from support.planted import filmed, turned, write

from robovlms_mobile.cli import main
from robovlms_mobile.data.dataset import MobileVLAH5Dataset
from robovlms_mobile.doctor import recorded
from robovlms_mobile.doctor.checks import Subject
from robovlms_mobile.errors import DataError

TURNED = "two sign conventions of linear_y"


@pytest.fixture(scope="module")
def films():
    """Number → episode: 16 of all scenarios, and 12 more that pass on the left."""
    return {number: filmed(number, seed=4) for number in (*range(16), *range(16, 40, 2))}


@pytest.fixture(scope="module")
def planted(films, tmp_path_factory):
    """20 episodes that pass on the left, eight of them with the sign of linear_y turned."""
    folder = tmp_path_factory.mktemp("planted")
    write(folder, [turned(films[number]) if number < 16 else films[number] for number in range(0, 40, 2)])
    return folder


@pytest.fixture(scope="module")
def faultless(films, tmp_path_factory):
    folder = tmp_path_factory.mktemp("faultless")
    write(folder, [films[number] for number in range(16)])
    return folder


def subject(folder, **block):
    told = {"type": "MobileVLAH5Dataset", "data_dir": str(folder), **block}
    sizes = {"window_size": 4, "fwd_pred_next_n": 10, "norm_action": True, "norm_min": -2, "norm_max": 2}
    return Subject(config={"train_dataset": told, "val_dataset": told, **sizes})


def misled(folder, **block):
    """What the doctor says of a folder besides its files and windows."""
    return [(level, text) for level, where, text in look(recorded.episodes, subject(folder, **block)) if level != "ok"]


def test_check_says_what_misleads_and_fails(planted, faultless, capsys):
    assert main(["data", "check", str(planted), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)["misleading"]
    assert [each["level"] for each in found][:2] == ["error", "error"]
    assert any(TURNED in each["what"] and "in 8 of 20" in each["what"] for each in found)
    assert main(["data", "check", str(planted)]) == 1
    assert "✗ 20 of 20 episodes pass on the left (100%): look whether" in capsys.readouterr().out
    assert main(["data", "check", str(faultless), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["misleading"] == []


def test_doctor_says_what_misleads_and_what_is_meant_is_no_error(planted, faultless):
    errors = [text for level, text in misled(planted) if level == "error"]
    assert any(TURNED in text for text in errors) and any(
        "20 of 20 episodes pass on the left" in text for text in errors
    )
    meant = [text for level, text in misled(planted, one_sided=True) if level == "error"]
    assert any(TURNED in text for text in meant) and not any("on the left" in text for text in meant)
    assert misled(faultless) == []


def test_the_report_says_what_misleads(planted, tmp_path, capsys):
    assert main(["data", "report", str(planted), "--out", str(tmp_path / "a")]) == 0
    assert f"misleads    {TURNED}" in capsys.readouterr().out
    page = (tmp_path / "a" / "report.html").read_text()
    assert "What would mislead a training" in page and TURNED in page


def test_a_run_refuses_one_side_until_it_is_meant(planted):
    given = {"data_dir": str(planted), "window_size": 4, "fwd_pred_next_n": 10, "is_training": True, "image_size": 32}
    given |= {"norm_action": True, "norm_min": -2, "norm_max": 2}
    with pytest.raises(DataError, match="20 of 20 episodes pass on the left"):
        MobileVLAH5Dataset(**given)
    assert len(MobileVLAH5Dataset(**given, one_sided=True)) > 0
