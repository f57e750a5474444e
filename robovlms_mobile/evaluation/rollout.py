"""Drive a controller through rooms it has never seen, and count how the drives end."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np

from robovlms_mobile.data.augment.mirror import mirror_instruction
from robovlms_mobile.simulation.driver import SPEED
from robovlms_mobile.simulation.recordings import instruction
from robovlms_mobile.simulation.room import AS_RECORDED, Conditions, Drive, Verdict, judge, room

OUTCOMES = tuple(field.name for field in fields(Verdict))


class Controller(Protocol):
    """What can drive: see `controllers`."""

    def reset(self, drives: list[Drive], instructions: list[str]) -> None:
        """Start an episode in each drive."""

    def act(self, step: int, drives: list[Drive]) -> np.ndarray:
        """Return (n, N, 2) velocities, m/s: the next N of each drive."""


@dataclass(frozen=True)
class Drives:
    """Drives of one controller.

    Attributes:
        drives: the robots after their last step, one a room.
        verdicts: how each went.
        instructions: what each was told.
    """

    drives: list
    verdicts: list
    instructions: list


def roll_out(
    controller: Controller,
    worlds: int = 48,
    seed: int = 90001,
    steps: int = 30,
    execute: int = 1,
    conditions: Conditions = AS_RECORDED,
    swap: bool = False,
    snap: bool = False,
) -> Drives:
    """Drive `controller` through `worlds` rooms side by side.

    Args:
        seed: of rooms, wheel slip and noise; the same seed gives the same drives.
        steps: camera frames a drive lasts.
        execute: how many actions of a chunk are driven before it is asked again.
        conditions: a `Conditions`.
        swap: tell each the other side, and judge it by that.
        snap: drive the nearest of the nine keys instead of what was predicted.
    """
    rooms = [room(seed, index, conditions) for index in range(worlds)]
    drives = [Drive(world, (seed, index), conditions) for index, world in enumerate(rooms)]
    told = [instruction(world, index) for index, world in enumerate(rooms)]
    told = [_swapped(text) for text in told] if swap else told
    controller.reset(drives, told)
    for step in range(steps):
        if step % execute == 0:
            chunks = controller.act(step, drives)  # (n, N, 2)
        for drive, chunk in zip(drives, chunks, strict=True):
            velocity = chunk[step % execute]
            drive.step(snapped(velocity) if snap else velocity)
    sides = [-world.side if swap else world.side for world in rooms]
    verdicts = [judge(drive.world, drive.path, side) for drive, side in zip(drives, sides, strict=True)]
    return Drives(drives, verdicts, told)


def _swapped(text):
    other = mirror_instruction(text)
    if other is None:
        raise ValueError(f"{text!r} cannot be mirrored")
    return other


def snapped(velocity: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return the velocity of the nearest of the nine keys: each axis -1.15, 0 or 1.15 m/s."""
    return np.rint(np.clip(np.asarray(velocity) / SPEED, -1, 1)) * SPEED


def rates(verdicts: list[Verdict]) -> dict:
    """Return how often each outcome came: n_episodes, n_success, and for each of OUTCOMES pc_… and pc_…_ci95."""
    n = len(verdicts)
    found: dict = {"n_episodes": n, "n_success": sum(each.success for each in verdicts)}
    for name in OUTCOMES:
        count = sum(getattr(each, name) for each in verdicts)
        found[f"pc_{name}"] = 100 * count / n
        found[f"pc_{name}_ci95"] = [100 * bound for bound in wilson(count, n)]
    return found


def wilson(count: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Return Wilson's 95 % interval for a share of `count` in `n` (Wilson 1927), both in 0..1."""
    share = count / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)
