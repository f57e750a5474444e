"""Rooms to drive in: the expert parks, a judge tells a good drive from a bad one, and a seed is a drive."""

from dataclasses import replace

import numpy as np
import pytest

from robovlms_mobile.simulation.driver import SPEED, STEP, choose_key, command
from robovlms_mobile.simulation.recordings import instruction
from robovlms_mobile.simulation.room import AS_RECORDED, HARDER, Conditions, Drive, judge, room
from robovlms_mobile.simulation.world import Box, Cup

FORWARD = (SPEED, 0.0)


def expert(index, steps=30, conditions=AS_RECORDED):
    world = room(7, index, conditions)
    drive = Drive(world, (7, index), conditions)
    for _ in range(steps):
        drive.step(command(choose_key(world, drive.pose)))
    return drive


def simple_room(**changes):
    """A box across the way a metre ahead, a cup a metre behind it, to be passed on the left."""
    world = replace(room(7, 0), boxes=(Box(1.0, 0.0, 0.3, 0.4, 0.3, (0.5, 0.5, 0.5)),), cup=Cup(2.2, 0.0, (1, 0, 0)))
    return replace(world, start=(0.0, 0.0, 0.0), **changes)


LEFT = [(0, 0), (0.5, 0.3), (0.8, 0.5), (1.2, 0.5), (1.6, 0.3), (1.75, 0.1)]
HOME = [LEFT[-1]] * 4


def test_the_expert_parks_and_never_collides():
    verdicts = [judge(drive.world, drive.path) for drive in map(expert, range(24))]
    assert sum(each.parked for each in verdicts) >= 22
    assert not any(each.collision or each.wrong_side for each in verdicts)


def test_a_drive_round_the_box_that_stops_at_the_cup_is_parked():
    verdict = judge(simple_room(), LEFT + HOME)
    assert (verdict.success, verdict.parked, verdict.collision, verdict.wrong_side) == (True, True, False, False)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (LEFT, (True, False, False, False)),  # there, but not at rest
        ([*LEFT, (1.9, 0.45), (2.3, 0.6), (2.9, 0.6)] + [(2.9, 0.6)] * 4, (True, False, False, False)),  # drove on
        ([(x, -y) for x, y in LEFT + HOME], (False, False, False, True)),  # the other side
        ([*LEFT, (2.1, 0.0)], (False, False, True, False)),  # into the cup
        ([(0, 0), (0.8, 0.0), (0.95, 0.0)], (False, False, True, False)),  # into the box
        ([(0, 0)] * 9, (False, False, False, False)),  # stands still
    ],
)
def test_what_is_no_parking_is_told_apart(path, expected):
    verdict = judge(simple_room(), path)
    assert (verdict.success, verdict.parked, verdict.collision, verdict.wrong_side) == expected


def test_the_other_side_is_right_where_it_was_told():
    assert judge(simple_room(), [(x, -y) for x, y in LEFT + HOME], side=-1).parked
    assert not judge(simple_room(), LEFT + HOME, side=-1).success


def test_a_seed_is_a_drive_to_the_last_pixel():
    one, other, third = (Drive(room(3, 1), (seed, 1)) for seed in (3, 3, 4))
    for drive in (one, other, third):
        drive.step(FORWARD)
    assert one.path == other.path != third.path
    np.testing.assert_array_equal(one.frame(), other.frame())
    assert one.frame().shape == (180, 320, 3) and one.frame().dtype == np.uint8


def test_a_robot_that_touches_a_box_stands_from_then_on():
    drive = Drive(simple_room(), (0,))
    for _ in range(12):
        drive.step(FORWARD)
    assert drive.crashed and drive.path[-1] == drive.path[-2]


def test_a_command_comes_late_by_the_delay_and_lasts_for_every_step():
    late = Drive(simple_room(), (0,), Conditions(delay=2))
    for _ in range(3):
        late.step(FORWARD)
    assert late.path[2] == late.path[0] and late.path[3][0] == pytest.approx(STEP, rel=0.3)
    twice = Drive(simple_room(), (0,), Conditions(every=2))
    twice.step(FORWARD)
    assert len(twice.path) == 3 and twice.path[2][0] == pytest.approx(2 * STEP, rel=0.3)


def test_a_dropped_frame_is_the_one_before():
    drive = Drive(simple_room(), (0,), Conditions(dropped=1.0))
    before = drive.frame()
    drive.step(FORWARD)
    np.testing.assert_array_equal(drive.frame(), before)


@pytest.mark.parametrize("name", HARDER)
def test_each_harder_condition_changes_the_drive(name):
    plain, hard = expert(3, 4), expert(3, 4, HARDER[name])
    seen = hard.frame()
    same = plain.path == hard.path and np.array_equal(plain.frame(), seen)
    assert not same or name == "frames dropped"


def test_what_is_told_names_the_side():
    assert instruction(room(7, 0), 0) == "Drive around the box on the left to the cup."
    assert instruction(room(7, 5), 1) == "Drive around the two boxes on the right and stop at the cup."
