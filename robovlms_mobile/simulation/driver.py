"""Drive an omni robot round the boxes to the cup with nine keys. Looks at geometry only: no frame count, no pixels."""

import numpy as np

from robovlms_mobile.simulation.world import Box, World

Pose = tuple[float, float, float]  # x, y (m), yaw (rad)
SPEED = 1.15  # m/s, what every key commands per axis
STEP = 0.13  # metres a key moves the robot per axis: a pulse, then a pause of about a second
KEYS = {  # (linear_x forward, linear_y left)
    "w": (1, 0),
    "s": (-1, 0),
    "a": (0, 1),
    "d": (0, -1),
    "q": (1, 1),
    "e": (1, -1),
    "z": (-1, 1),
    "c": (-1, -1),
    "stop": (0, 0),
}
REACT = 0.80  # metres before a box at which the robot begins to go round it
CLEAR = 0.28  # metres from the robot's centre to a box beside it
NEAR = 0.45  # metres before a box inside which it no longer drives forward
PASSED = 0.10  # metres beyond a box from which it no longer counts
REACH = 0.48  # metres before the cup at which it stops
DEADBAND = 0.6 * STEP  # a sideways error smaller than this is let be


def choose_key(world: World, pose: Pose) -> str:
    """Return the key a careful driver presses in `pose` (x, y, yaw): the same for the same world and pose."""
    boxes = [each for each in (span(box, pose) for box in world.boxes) if each["back"] > -PASSED]
    close = [each for each in boxes if each["front"] < REACT]
    if close:
        return _go_round(close, world.side)
    return "w" if boxes else _go_to(*seen_from(pose, world.cup.x, world.cup.y))


def move(pose: Pose, key: str, slip: tuple[float, float] | np.ndarray = (1.0, 1.0)) -> tuple[float, float, float]:
    """Return the pose after one key: the robot's own axes, its heading kept, each axis scaled by its wheel slip."""
    x, y, yaw = pose
    forward, left = np.array(KEYS[key]) * STEP * np.asarray(slip)
    return (
        x + forward * np.cos(yaw) - left * np.sin(yaw),
        y + forward * np.sin(yaw) + left * np.cos(yaw),
        yaw,
    )


def command(key: str) -> np.ndarray:
    """Return the recorded action of a key: (3,) float32, linear_x, linear_y, angular_z; each 0 or ±SPEED."""
    return np.array([*KEYS[key], 0], np.float32) * np.float32(SPEED)


def _go_round(spans, side):
    """Sideways until the way past the boxes is free, forward as well while there is room; then straight on."""
    missing = CLEAR + max(each["left"] if side > 0 else -each["right"] for each in spans)
    if missing < DEADBAND / 2:
        return "w"
    room = min(each["front"] for each in spans) > NEAR
    return _sideways(side, forward=room)


def _go_to(ahead, left):
    aside = abs(left) > DEADBAND
    if ahead < REACH:
        return _sideways(left, forward=False) if aside else "stop"
    return _sideways(left, forward=True) if aside else "w"


def _sideways(left, forward):
    return ("q" if forward else "a") if left > 0 else ("e" if forward else "d")


def span(box: Box, pose: Pose) -> dict[str, float]:
    """How far a box reaches in the robot's own axes: front, back (forward of it), left, right (to its left)."""
    corners = [(x, y) for x in (box.low[0], box.high[0]) for y in (box.low[1], box.high[1])]
    ahead, left = zip(*(seen_from(pose, *corner) for corner in corners), strict=True)
    return {"front": min(ahead), "back": max(ahead), "left": max(left), "right": min(left)}


def seen_from(pose: Pose, x: float, y: float) -> tuple[float, float]:
    """Return where a point is in the robot's own axes: metres ahead, metres to the left."""
    dx, dy = x - pose[0], y - pose[1]
    return np.cos(pose[2]) * dx + np.sin(pose[2]) * dy, np.cos(pose[2]) * dy - np.sin(pose[2]) * dx
