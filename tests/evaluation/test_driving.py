"""Driving a policy beside its controls and baselines: what the figures mean, and the verb from a run to its files."""

import json

import numpy as np
import pytest
from PIL import Image
from support.checkouts import STANDIN
from support.processes import run_warm

from robovlms_mobile.evaluation.controllers import Expert, Replay, Stand
from robovlms_mobile.evaluation.rollout import rates, roll_out, snapped, wilson
from robovlms_mobile.scoring.baselines import NAMES, Baselines
from robovlms_mobile.simulation.driver import SPEED


def test_wilsons_interval_is_the_published_one():
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)  # Newcombe 1998, table I
    assert wilson(10, 10)[1] == pytest.approx(1.0)


def test_the_expert_is_called_good_and_constants_are_called_what_they_are():
    options = {"worlds": 8, "seed": 5}
    expert, stand = (rates(roll_out(each, **options).verdicts) for each in (Expert(), Stand()))
    ahead = rates(roll_out(Replay({None: np.tile([SPEED, 0.0], (30, 1))}), **options).verdicts)
    assert expert["pc_success"] == 100 and expert["pc_parked"] >= 75
    assert stand["pc_success"] == 0 and stand["pc_collision"] == 0
    assert ahead["pc_success"] == 0 and ahead["pc_collision"] == 100


def test_who_drives_as_told_before_fails_when_told_the_other_side():
    drives = roll_out(Expert(), worlds=8, seed=5, swap=True)
    assert rates(drives.verdicts)["pc_success"] == 0
    assert "right" in drives.instructions[0]


class Counting:
    """Asks for nothing twice: drives the chunk it gave."""

    def __init__(self):
        self.asked = []

    def reset(self, drives, instructions):
        self.asked.clear()

    def act(self, step, drives):
        self.asked.append(step)
        return np.zeros((len(drives), 4, 2))


@pytest.mark.parametrize(("execute", "asked"), [(1, [0, 1, 2, 3, 4, 5]), (4, [0, 4])])
def test_a_policy_is_asked_again_when_its_actions_are_driven(execute, asked):
    controller = Counting()
    roll_out(controller, worlds=1, steps=6, execute=execute)
    assert controller.asked == asked


def test_swapping_exchanges_left_and_right_and_nothing_else():
    plain, other = (roll_out(Counting(), worlds=8, steps=1, swap=swap).instructions for swap in (False, True))
    assert other == [text.replace("left", "<").replace("right", "left").replace("<", "right") for text in plain]


def test_snapping_drives_the_nearest_key():
    np.testing.assert_allclose(snapped((0.7, -0.5)), (SPEED, 0.0))
    np.testing.assert_allclose(snapped((-9.0, 0.6)), (-SPEED, SPEED))


def test_baselines_are_what_a_few_lines_of_counting_give():
    left, right = np.array([[0, 0], [1, 0], [1, 1.0]]), np.array([[0, 0], [1, 0], [1, -1.0]])
    baselines = Baselines([left, left, right], ["left", "left", "right"])
    np.testing.assert_allclose(baselines.sequence("mean_action", "left", 1)[0], [6 / 9, 1 / 9])
    np.testing.assert_allclose(baselines.sequence("majority_action", "left", 2), [[1, 0], [1, 0]])
    np.testing.assert_allclose(baselines.sequence("majority_by_frame", "right", 4)[2:], [[1, 1], [1, 1]])
    np.testing.assert_allclose(baselines.sequence("majority_by_frame_and_scenario", "right", 3)[2], [1, -1])


@pytest.mark.heavy
def test_a_run_is_driven_and_its_figures_paths_and_film_are_written(trained, tmp_path):
    command = ["-m", "robovlms_mobile", "drive", trained.run, "--root", trained.root]
    command += ["--worlds", "2", "--steps", "3", "--harder", "--json"]
    done = run_warm([*command, "--out", tmp_path], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    info = json.loads(done.stdout)
    assert info == json.loads((tmp_path / "eval_info.json").read_text())
    assert info["overall"]["n_episodes"] == 2 and set(info["baselines"]) == {"expert", *NAMES}
    assert set(info["ablations"]) == {"instruction_swapped", "image_grey", "image_frozen"}
    assert "dim light" in info["harder"] and len(info["per_group"]) == 2
    with Image.open(tmp_path / "drive.gif") as film, Image.open(tmp_path / "drives.png") as sheet:
        assert film.n_frames == 4 and sheet.width > 1000


@pytest.mark.slow
def test_a_seed_is_a_result(trained, tmp_path):
    command = ["-m", "robovlms_mobile", "drive", trained.run, "--root", trained.root, "--worlds", "2", "--json"]
    first, second = (run_warm([*command, "--out", tmp_path / name], cwd=tmp_path) for name in ("one", "other"))
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout


def test_a_folder_that_is_no_run_is_refused_with_what_to_do(tmp_path):
    done = run_warm(["-m", "robovlms_mobile", "drive", tmp_path, "--root", STANDIN], cwd=tmp_path)
    assert done.returncode != 0 and "run.json" in done.stderr and "Traceback" not in done.stderr
