"""Drive a robot through a synthetic room by velocities: what its camera sees, where it gets, how it is judged."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from robovlms_mobile.simulation.camera import Camera
from robovlms_mobile.simulation.driver import SPEED, STEP
from robovlms_mobile.simulation.recordings import SLIP, film, rendered_size
from robovlms_mobile.simulation.world import SCENARIOS, World, sample_world

NEAR = 0.60  # metres from the cup's centre within which the robot is there
TOUCH_BOX, TOUCH_CUP = 0.15, 0.20  # metres from a box, from the cup's centre: closer is a collision
REST = 0.5 * STEP  # metres a step; less, in each of the last three, is standing still
RESTING = 3  # steps


@dataclass(frozen=True)
class Conditions:
    """What differs from the rooms that were recorded.

    Attributes:
        size: (width, height) of the camera's picture, pixels.
        light: factor on brightness; 0.4 is a dim room.
        noise: standard deviation of sensor noise, grey levels.
        start: metres and radians the start may lie off the recorded ones: (aside, heading).
        hidden: True puts the cup behind a box, where the camera does not see it at first.
        delay: steps between a command and the wheels.
        dropped: share of frames that do not arrive; the one before is seen again.
        every: steps a command lasts: 2 is half the frame rate.
    """

    size: tuple = (320, 180)
    light: float = 1.0
    noise: float = 1.2
    start: tuple = (0.0, 0.0)
    hidden: bool = False
    delay: int = 0
    dropped: float = 0.0
    every: int = 1


AS_RECORDED = Conditions()
HARDER = {
    "dim light": Conditions(light=0.4),
    "noise": Conditions(noise=12.0),
    "other start": Conditions(start=(0.25, np.radians(10))),
    "cup hidden": Conditions(hidden=True),
    "delay 1": Conditions(delay=1),
    "delay 2": Conditions(delay=2),
    "delay 3": Conditions(delay=3),
    "frames dropped": Conditions(dropped=0.3),
    "half the rate": Conditions(every=2),
}


def room(seed: int, index: int, conditions: Conditions = AS_RECORDED) -> World:
    """Return room number `index` of a seed; the scenarios come in turn."""
    rng = np.random.default_rng([seed, index])
    world = sample_world(SCENARIOS[index % len(SCENARIOS)], rng)
    x, y, yaw = world.start
    aside, turned = rng.uniform(-1, 1, 2) * conditions.start
    world = replace(
        world,
        start=(x, y + aside, yaw + turned),
        look=replace(world.look, brightness=world.look.brightness * conditions.light),
    )
    if conditions.hidden:
        box = world.boxes[0]
        world = replace(world, cup=replace(world.cup, y=box.y), boxes=(*world.boxes[:-1], _tall(world.boxes[-1])))
    return world


def _tall(box):
    return replace(box, height=max(box.height, 0.42))


class Drive:
    """One robot in one room.

    Args:
        world: the room.
        seed: of wheel slip, noise and dropped frames: any sequence of ints.
        conditions: what differs from the recorded rooms.

    Attributes:
        pose: x, y (m), yaw (rad).
        path: list of (x, y), one more than steps driven.
        crashed: True once a box was touched; the robot then stands.
    """

    def __init__(self, world: World, seed: Sequence[int], conditions: Conditions = AS_RECORDED):
        self.world, self.conditions = world, conditions
        self.pose, self.path, self.crashed = world.start, [world.start[:2]], False
        self._camera = Camera(world, world.start[2], rendered_size(conditions.size))
        self._rng, self._pixels = np.random.default_rng([*seed, 5]), np.random.default_rng([*seed, 6])
        self._late = deque([np.zeros(2)] * conditions.delay)
        self._seen: np.ndarray | None = None

    def frame(self) -> np.ndarray:
        """Return what the camera shows now: (H, W, 3) uint8 RGB."""
        lost = self._pixels.random() < self.conditions.dropped
        if self._seen is None or not (lost or self.crashed):
            self._seen = film(self._camera, self.pose, self.conditions.size, self._pixels, self.conditions.noise)
        return self._seen

    def step(self, velocity: Sequence[float] | np.ndarray) -> None:
        """Drive one step. velocity: (2,) linear_x, linear_y in m/s; beyond ±SPEED it is cut off."""
        self._late.append(np.clip(np.asarray(velocity, float)[:2] / SPEED, -1, 1))
        wanted = self._late.popleft()
        for _ in range(self.conditions.every):
            forward, left = wanted * STEP * self._rng.normal(1, SLIP, 2)
            x, y, yaw = self.pose
            if not self.crashed:
                x += forward * np.cos(yaw) - left * np.sin(yaw)
                y += forward * np.sin(yaw) + left * np.cos(yaw)
            self.pose = (x, y, yaw)
            self.path.append((x, y))
            self.crashed = self.crashed or self.world.touches(x, y, TOUCH_BOX)


@dataclass(frozen=True)
class Verdict:
    """How a drive went.

    Attributes:
        success: was within NEAR of the cup, passed every box on the side it was told, touched neither box nor cup.
        parked: that, and at its end still there and at rest.
        collision: touched a box or the cup.
        wrong_side: passed at least one box, and none on the side it was told.
    """

    success: bool
    parked: bool
    collision: bool
    wrong_side: bool


def judge(world: World, path: Sequence | np.ndarray, side: int | None = None) -> Verdict:
    """Judge a drive by where the robot was.

    Args:
        path: (n, 2) metres, the start first.
        side: +1 left, -1 right: the side it was told; by default the room's own.
    """
    path, side = np.asarray(path, float), world.side if side is None else side
    to_cup = np.hypot(*(path - (world.cup.x, world.cup.y)).T)  # (n,)
    passed = [_side_of(box, path) for box in world.boxes]
    right = [each == side for each in passed]
    collision = bool((to_cup < TOUCH_CUP).any()) or any(world.touches(x, y, TOUCH_BOX) for x, y in path)
    success = bool((to_cup < NEAR).any()) and all(right) and not collision
    still = len(path) > RESTING and bool((np.abs(np.diff(path[-RESTING - 1 :], axis=0)) < REST).all())
    wrong_side = any(each is not None for each in passed) and not any(right)
    return Verdict(success, success and bool(to_cup[-1] < NEAR) and still, collision, wrong_side)


def _side_of(box, path):
    """+1 or -1, the side on which the path first gets past a box's middle; None when it never does."""
    beyond = np.flatnonzero(path[:, 0] > box.x)
    return None if not len(beyond) else (1 if path[beyond[0], 1] > box.y else -1)
