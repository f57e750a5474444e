"""The verb from a run to its files: figures, frames, page, comparison; what it refuses, and what a script can ask."""

import csv
import json
import shutil
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from robovlms_mobile.cli import eval as eval_verb
from robovlms_mobile.cli import main as cli
from robovlms_mobile.data.actions import ActionSpace
from robovlms_mobile.data.hdf5.episode_file import read_episode
from robovlms_mobile.data.images import ImageTransform
from robovlms_mobile.errors import DataError, MobileError
from robovlms_mobile.evaluation import run_data, selection
from robovlms_mobile.evaluation.comparison import labels
from robovlms_mobile.evaluation.offline import Shown
from robovlms_mobile.evaluation.requirement import parse, unmet
from robovlms_mobile.evaluation.selection import select

pytestmark = pytest.mark.heavy
SPACE = ActionSpace(("linear_x", "linear_y"), -1.15, 1.15)


@pytest.fixture(scope="module")
def evaluated(trained, run_python, tmp_path_factory):
    """`eval RUN --json` with a requirement nobody meets: what it printed, and its folder."""
    out = tmp_path_factory.mktemp("eval")
    command = ["-m", "robovlms_mobile", "eval", trained.run, "--root", trained.root, "--out", out, "--json"]
    done = run_python([*command, "--require", "mae<0", "--require", "n_episodes>0"], cwd=trained.home)
    assert "Traceback" not in done.stderr
    return done, out


def split_of(run):
    return json.loads((run / "split.json").read_text())


def test_a_run_is_evaluated_on_its_own_validation_side(trained, evaluated):
    done, out = evaluated
    info = json.loads(done.stdout)
    assert info == json.loads((out / "eval_info.json").read_text())
    assert info["overall"]["n_episodes"] == len(split_of(trained.run)["validation"])
    with open(out / "frames.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == info["overall"]["n_frames"] and {row["side"] for row in rows} == {"validation"}
    assert {row["episode"] for row in rows} == set(split_of(trained.run)["validation"])
    off = [abs(float(row["predicted_linear_y"]) - float(row["recorded_linear_y"])) for row in rows]
    assert info["overall"]["mae_by_dim"]["linear_y"] == pytest.approx(np.mean(off), abs=1e-5)
    assert (out / "eval.html").stat().st_size > 20000


def often(actions):
    """The action that is there most often; of several the largest."""
    counts = Counter(map(tuple, np.round(actions, 4).tolist()))
    return max(counts, key=lambda action: (counts[action], action))


def test_baselines_are_those_of_ten_plain_lines(trained, evaluated, episodes):
    found = json.loads(evaluated[0].stdout)["baselines"]
    train, held = (
        [read_episode(episodes / name) for name in split_of(trained.run)[side]] for side in ("train", "validation")
    )
    every = np.concatenate([each.actions[:, :2] for each in train])
    guesses = {"mean_action": every.mean(0), "majority_action": often(every), "previous_action": None}
    guesses["majority_by_frame"] = [often([each.actions[frame, :2] for each in train]) for frame in range(18)]
    errors = {name: [] for name in found}
    for each in held:
        actual, like = each.actions[:, :2], [one for one in train if one.scenario == each.scenario] or train
        guesses["previous_action"] = np.concatenate([[[0, 0]], actual[:-1]])
        guesses["majority_by_frame_and_scenario"] = [often([o.actions[n, :2] for o in like]) for n in range(18)]
        for name, guess in guesses.items():
            errors[name].append(np.abs(actual - guess).mean())
    assert len(found) == 5
    for name, each in errors.items():
        assert found[name]["mae"] == pytest.approx(np.mean(each), abs=1e-4), name


def test_an_unmet_requirement_is_exit_1_with_a_sentence_and_the_files_are_there(evaluated):
    done, out = evaluated
    assert done.returncode == 1 and (out / "eval.html").is_file()
    said = [line for line in done.stderr.splitlines() if "--require" in line]
    assert len(said) == 1 and "--require mae<0: not met, mae is 0." in said[0]


@pytest.mark.slow
def test_several_adapter_folders_are_compared_and_their_training_side_is_marked(trained, run_python, tmp_path):
    command = ["-m", "robovlms_mobile", "eval", trained.run / "best", trained.run / "last", "--root", trained.root]
    done = run_python([*command, "--split", "all", "--out", tmp_path, "--require", "mae>0"], cwd=trained.home)
    assert done.returncode == 0, done.stderr
    compared = json.loads((tmp_path / "comparison.json").read_text())
    assert compared["mae"]["tied"] == [["best", "last"]], "one epoch: best is last"
    assert "best and last are tied" in done.stdout and "on what it was trained on" in done.stdout
    info = json.loads((tmp_path / "best" / "eval_info.json").read_text())
    assert info["training"]["overall"]["n_episodes"] == len(split_of(trained.run)["train"])
    rows = list(csv.DictReader((tmp_path / "last" / "frames.csv").read_text().splitlines()))
    sides = {row["episode"]: row["side"] for row in rows}
    assert sides == dict.fromkeys(split_of(trained.run)["train"], "training") | dict.fromkeys(
        split_of(trained.run)["validation"], "validation"
    )


@pytest.fixture
def chosen(trained, episodes):
    """`chosen(**options)`: what would be evaluated, without the model."""
    configs = json.loads((trained.run / "run.json").read_text())["config"]
    return lambda **options: select(configs, trained.run, SPACE, ImageTransform(32), **options)


def test_episodes_it_trained_on_are_refused_by_name_and_by_content(trained, chosen, episodes, tmp_path):
    with pytest.raises(DataError, match=r"was trained on 4 of the 6 episodes.*--split all"):
        chosen(data=str(episodes))
    own = next(iter(split_of(trained.run)["train"]))
    shutil.copy(episodes / own, tmp_path / "episode_20300101_000000_1box_hori_left.h5")
    with pytest.raises(DataError, match="was trained on 1 of the 1 episodes"):
        chosen(data=str(tmp_path))
    both = chosen(data=str(episodes), split="all")
    assert [len(both.validation), len(both.training)] == [2, 4]
    assert {each.side for each in both.training} == {"training"}


def test_other_episodes_are_welcome_and_none_at_all_is_said(trained, chosen, episodes, tmp_path):
    held = next(iter(split_of(trained.run)["validation"]))
    shutil.copy(episodes / held, tmp_path)
    other = chosen(data=str(tmp_path))
    assert [each.name for each in other.validation] == [held] and len(other.taught) == 4
    assert other.validation[0].frames.shape == (18, 32, 32, 3) and other.validation[0].actual.shape == (18, 2)
    own = next(iter(split_of(trained.run)["train"]))
    with pytest.raises(DataError, match="None of the run's 2 validation episodes"):
        chosen(pattern=own)


@pytest.mark.parametrize("one", [False, True])
def test_each_episode_file_is_read_once_the_training_ones_too(trained, monkeypatch, one):
    train, held = (split_of(trained.run)[side] for side in ("train", "validation"))
    configs, asked = json.loads((trained.run / "run.json").read_text())["config"], []
    for module in (selection, run_data):
        monkeypatch.setattr(module, "read_episode", lambda path: asked.append(path.name) or read_episode(path))
    transform = ImageTransform(32, {"frames": {"store": "off"}})
    found = select(configs, trained.run, SPACE, transform, pattern=min(held) if one else None)
    assert Counter(asked) == Counter([*train, *held])
    assert {each.name for each in found.taught} == set(train)
    assert {each.name for each in found.validation} == ({min(held)} if one else set(held))


def test_the_usual_speed_is_that_of_the_plane_also_where_the_training_episodes_are_gone(monkeypatch, tmp_path):
    actual = np.tile([[0.5, 1.15]], (6, 1))  # rad/s, m/s
    shown = Shown("a.h5", "1box_hori_left", "Drive.", np.zeros((6, 4, 4, 3), np.uint8), actual)
    monkeypatch.setattr(selection, "select", lambda *_: selection.Selection([shown], [], [], tmp_path))
    block = {"type": "MobileVLAH5Dataset", "data_dir": str(tmp_path), "real_dims": ["angular_z", "linear_x"]}
    policy = SimpleNamespace(
        configs={"train_dataset": block},
        space=ActionSpace(("angular_z", "linear_x"), -1.15, 1.15),
        reset=lambda instructions: None,
        act=lambda frames: np.zeros((len(frames), 2, 2)),
        **{"run": tmp_path, "folder": tmp_path, "transform": None},
    )
    judged = eval_verb._judged(policy, SimpleNamespace(data=None, pattern=None, split="validation"))
    assert judged.speed == 1.15


def test_a_run_without_a_split_is_refused(chosen, trained, tmp_path):
    configs = json.loads((trained.run / "run.json").read_text())["config"]
    with pytest.raises(DataError, match=r"has no split\.json"):
        select(configs, tmp_path, SPACE, ImageTransform(32))


INFO = {
    "overall": {"mae": 0.2, "stop_recall": None, "mae_by_dim": {"linear_y": 0.1}},
    "per_group": {"1box_hori_left": {"mae": 0.3}},
    "ablations": {"instruction_swapped": {"change": {"mae": 0.12}}, "image_black": None},
}


@pytest.mark.parametrize(
    "text", ["mae<0.3", "mae >= 0.2", "mae_by_dim.linear_y<=1e-1", "per_group.1box_hori_left.mae>.2"]
)
def test_a_requirement_is_met(text):
    assert unmet(parse(text), INFO) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("mae<0.2", "mae is 0.2"),
        ("stop_recall>0", "could not be computed"),
        ("ablations.image_black.mae>0", "could not be computed"),
        ("ablations.instruction_swapped.change.mae>0.2", "is 0.12"),
    ],
)
def test_a_requirement_is_not_met(text, why):
    assert why in unmet(parse(text), INFO)


@pytest.mark.parametrize(
    "text",
    ["mae", "mae=0.2", "mae<", "mae<x", "0.2>mae<1", "", "__import__('os')>1", "mea<0.2", "baselines.mean.mae<1"],
)
def test_what_is_no_requirement_is_refused_before_anything_is_loaded(text, capsys):
    assert cli(["eval", "nowhere", "--require", text]) == 1
    said = capsys.readouterr().err
    assert "--require" in said and ("expected a figure" in said or "there is no" in said)


def test_a_name_that_leads_nowhere_names_the_nearest():
    with pytest.raises(MobileError, match="did you mean '1box_hori_left'"):
        unmet(parse("per_group.1box_hori_lef.mae>0"), INFO)
    with pytest.raises(MobileError, match="is no number but dict"):
        unmet(parse("mae_by_dim>0"), INFO)


def test_policies_are_told_apart_by_as_much_of_their_path_as_it_takes():
    assert labels(["runs/a/best", "runs/a/last"]) == {"best": "runs/a/best", "last": "runs/a/last"}
    assert list(labels(["runs/a/best", "runs/b/best"])) == ["a-best", "b-best"]
    assert list(labels(["runs/a"])) == ["a"]
    with pytest.raises(MobileError, match="named twice"):
        labels(["runs/a", str(Path("runs/a").resolve())])
