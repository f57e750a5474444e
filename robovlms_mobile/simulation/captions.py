"""Say in words where things stand in a frame: what the tiny Kosmos-2 is pretrained on. Geometry to text; no pixels."""

import numpy as np

from robovlms_mobile.simulation.camera import EYE, Camera
from robovlms_mobile.simulation.driver import seen_from, span
from robovlms_mobile.simulation.world import CUPS, World

AHEAD = (*range(0, 100, 5), *range(100, 200, 10), *range(200, 420, 20))  # cm; captions round to these
ASIDE = (*range(0, 60, 5), *range(60, 130, 10))
COLOURS = ("red", "white", "blue", "yellow")  # in the order of world.CUPS
WORDS = ("box", "cup", "no", "left", "right", *COLOURS, *map(str, sorted({*AHEAD, *ASIDE})))
SMALLEST = 0.02  # share of the image's width below which a box is not told
BEHIND = 0.05  # metres ahead of the robot at which a box's far side counts as passed


def caption(world: World, camera: Camera, pose: tuple[float, float, float]) -> str:
    """Return what is to be seen from `pose` (x, y, yaw), in centimetres of the robot's own axes, nearest box first.

    For example `box 45 left 30 right 15 red cup 120 left 10`: a box whose front is 45 cm ahead and reaches from 30 cm
    left to 15 cm right, and a red cup 120 cm ahead, 10 cm to the left. What is out of sight is `no box`, `no cup`.
    """
    eye = np.array([pose[0], pose[1], EYE], np.float32)
    seen = [span(box, pose) for box in world.boxes if _width(camera, box, eye) >= SMALLEST]
    told = [
        f"box {_near(max(box['front'], 0), AHEAD)} {_side(box['left'])} {_side(box['right'])}"
        for box in sorted(seen, key=lambda box: box["front"])
        if box["back"] >= BEHIND
    ]
    return " ".join([*(told or ["no box"]), _cup(world, camera, pose, eye)])


def _cup(world, camera, pose, eye):
    ahead, left = seen_from(pose, world.cup.x, world.cup.y)
    if not _width(camera, world.cup, eye) or ahead <= 2 * BEHIND:
        return "no cup"
    colour = COLOURS[int(np.abs(np.array(CUPS) - world.cup.colour).sum(1).argmin())]
    return f"{colour} cup {_near(ahead, AHEAD)} {_side(left)}"


def _width(camera, thing, eye):
    """Share of the image's width that a thing's window takes; 0 when it is out of sight."""
    window = camera.window_of(thing, eye)
    if window is None:
        return 0.0
    first, last, _ = window[1].indices(camera.size[0])
    return (last - first) / camera.size[0]


def _side(metres):
    return f"{'left' if metres >= 0 else 'right'} {_near(abs(metres), ASIDE)}"


def _near(metres, grid):
    return min(grid, key=lambda each: abs(each - 100 * metres))
