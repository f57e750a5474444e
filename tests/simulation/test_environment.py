"""The Gymnasium environment: Gymnasium's own checker, the rooms and the judge of `drive`, several side by side."""

import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium")

from robovlms_mobile.evaluation.controllers import Expert  # noqa: E402
from robovlms_mobile.evaluation.rollout import roll_out  # noqa: E402
from robovlms_mobile.simulation.driver import choose_key, command  # noqa: E402
from robovlms_mobile.simulation.environment import NAME  # noqa: E402
from robovlms_mobile.simulation.room import Conditions  # noqa: E402

SMALL = {"conditions": Conditions(size=(64, 36)), "steps": 30}


@pytest.fixture
def rooms():
    with gymnasium.make(NAME, **SMALL) as made:
        yield made


@pytest.mark.filterwarnings("ignore:.*check.*")
def test_gymnasiums_own_checker_passes():
    from gymnasium.utils.env_checker import check_env

    check_env(gymnasium.make(NAME, render_mode="rgb_array", **SMALL).unwrapped)


def drive(rooms, seed, index):
    """Let the expert drive. Returns what each step said."""
    rooms.reset(options={"seed": seed, "index": index})
    said, over = [], False
    while not over:
        drive = rooms.unwrapped._drive
        said.append(rooms.step(command(choose_key(drive.world, drive.pose))[:2].astype(np.float32)))
        over = said[-1][2] or said[-1][3]
    return said


def test_the_expert_parks_in_the_rooms_of_drive(rooms):
    driven = roll_out(Expert(), worlds=3, seed=5, steps=30, conditions=SMALL["conditions"])
    for index, verdict in enumerate(driven.verdicts):
        said = drive(rooms, 5, index)
        assert verdict.parked and said[-1][4]["is_success"] and said[-1][4]["is_parked"]
        assert [reward for _, reward, *_ in said] == [0.0] * (len(said) - 1) + [1.0]
        assert said[-1][2] and not said[-1][3]


def test_standing_is_cut_off_and_running_into_a_box_ends_it(rooms):
    rooms.reset(seed=1)
    stood = [rooms.step(np.zeros(2, np.float32)) for _ in range(30)]
    assert [each[3] for each in stood] == [False] * 29 + [True] and not stood[-1][4]["is_success"]
    rooms.reset(options={"seed": 5, "index": 0})
    while not (ran := rooms.step(np.array([1.15, 0], np.float32)))[2]:
        assert not ran[3]
    assert ran[4]["is_collision"] and ran[1] == 0.0


def test_a_seed_is_a_room(rooms):
    one, again, other = (rooms.reset(seed=seed)[0]["image"] for seed in (3, 3, 4))
    assert (one == again).all() and (one != other).any()


def test_several_side_by_side():
    rooms = gymnasium.make_vec(NAME, num_envs=3, vectorization_mode="sync", **SMALL)
    seen, _ = rooms.reset(seed=2)
    assert seen["image"].shape == (3, 36, 64, 3) and len(set(map(str, seen["instruction"]))) >= 1
    _, reward, terminated, truncated, info = rooms.step(np.zeros((3, 2), np.float32))
    assert reward.shape == terminated.shape == truncated.shape == info["is_success"].shape == (3,)
    rooms.close()
