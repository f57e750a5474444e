"""A small room with one or two boxes and a cup. Geometry only: no pixels, no robot, no files.

Axes as the robot's at the start of an episode, before its small heading error: x forward, y left, z up, metres.
"""

from dataclasses import dataclass

import numpy as np

SCENARIOS = tuple(
    f"{count}_{layout}_{side}"
    for count in ("1box", "2box")
    for layout in ("hori", "vert")
    for side in ("left", "right")
)
PATTERNS = ("core", "variant")  # cup straight behind the boxes, cup off to one side
DISTANCES = {"close": (0.5, 0.8), "medium": (0.8, 1.1), "far": (1.1, 1.4)}  # metres from the start to the first box
FLOORS = ("tiles", "planks", "carpet")
CARDBOARD = ((0.72, 0.53, 0.34), (0.58, 0.42, 0.26), (0.80, 0.68, 0.50))
PAINTED = ((0.20, 0.38, 0.66), (0.24, 0.52, 0.34), (0.62, 0.60, 0.58), (0.55, 0.30, 0.50))
CUPS = ((0.86, 0.14, 0.12), (0.95, 0.94, 0.90), (0.10, 0.30, 0.85), (0.98, 0.72, 0.08))


@dataclass(frozen=True)
class Box:
    """A box on the floor: centre (x, y), full size along x, y, z, colour in 0..1."""

    x: float
    y: float
    length: float
    width: float
    height: float
    colour: tuple

    @property
    def half(self) -> tuple[float, float]:
        """Half its size along x and y."""
        return self.length / 2, self.width / 2

    @property
    def low(self) -> np.ndarray:
        """Corner with the smallest coordinates: (3,)."""
        return np.array([self.x - self.length / 2, self.y - self.width / 2, 0.0])

    @property
    def high(self) -> np.ndarray:
        """Corner with the largest coordinates: (3,)."""
        return np.array([self.x + self.length / 2, self.y + self.width / 2, self.height])


@dataclass(frozen=True)
class Cup:
    """A cup on the floor: centre (x, y), colour in 0..1."""

    x: float
    y: float
    colour: tuple
    radius: float = 0.065
    height: float = 0.19

    @property
    def half(self) -> tuple[float, float]:
        """Half its size along x and y."""
        return self.radius, self.radius


@dataclass(frozen=True)
class Look:
    """What varies without changing the way: floor, walls, light, where the room ends."""

    floor: str
    floor_colour: tuple
    wall_colour: tuple
    tile: float  # metres
    room: tuple  # back wall's x, right wall's y, left wall's y
    light: tuple  # unit vector towards the lamp
    brightness: float
    tint: tuple
    texture_seed: int


@dataclass(frozen=True)
class World:
    """One episode's surroundings, and where its robot starts: (x, y, yaw), radians counter-clockwise."""

    scenario: str
    pattern: str
    distance: str
    boxes: tuple
    cup: Cup
    look: Look
    start: tuple

    @property
    def side(self) -> int:
        """+1 to pass the boxes on the left, -1 on the right."""
        return 1 if self.scenario.endswith("left") else -1

    def touches(self, x: float, y: float, radius: float) -> bool:
        """True when a robot of that radius (m) at (x, y) overlaps a box."""
        for box in self.boxes:
            gap = np.maximum(np.abs((x - box.x, y - box.y)) - box.half, 0)
            if gap @ gap < radius * radius:
                return True
        return False


def sample_world(scenario: str, rng: np.random.Generator) -> World:
    """Draw a world for one of SCENARIOS; all that is not the scenario's comes from the generator.

    hori: the box lies across, two stand side by side. vert: the box lies along, two stand one behind the other.
    """
    count, layout, _ = scenario.split("_")
    pattern, distance = str(rng.choice(PATTERNS)), str(rng.choice(list(DISTANCES)))
    boxes = _sample_boxes(count == "2box", layout == "vert", rng.uniform(*DISTANCES[distance]), rng)
    return World(
        scenario=scenario,
        pattern=pattern,
        distance=distance,
        boxes=boxes,
        cup=_sample_cup(boxes, pattern, rng),
        look=_sample_look(rng),
        start=(0.0, rng.uniform(-0.12, 0.12), np.radians(rng.uniform(-4, 4))),
    )


def _sample_boxes(two, along, front, rng):
    long, short = rng.uniform(0.28, 0.36) if two and not along else rng.uniform(0.34, 0.50), rng.uniform(0.22, 0.32)
    length, width = (long, short) if along else (short, long)
    x, y = front + length / 2, rng.uniform(-0.10, 0.10)
    palette = CARDBOARD if rng.random() < 0.6 else PAINTED
    first = Box(x, y, length, width, rng.uniform(0.24, 0.42), _pick(palette, rng))
    if not two:
        return (first,)
    scale = rng.uniform(0.8, 1.1)
    length, width, height = length * scale, width * scale, rng.uniform(0.24, 0.42)
    if along:
        x, y = x + (first.length + length) / 2 + rng.uniform(0.02, 0.20), y + rng.uniform(-0.06, 0.06)
        return first, Box(x, y, length, width, height, _pick(palette, rng))
    gap = (first.width + width) / 2 + rng.uniform(0.01, 0.08)
    left = Box(x + rng.uniform(-0.05, 0.05), y + gap / 2, length, width, height, _pick(palette, rng))
    right = Box(x, y - gap / 2, first.length, first.width, first.height, first.colour)
    return left, right


def _sample_cup(boxes, pattern, rng):
    back = max(box.high[0] for box in boxes)
    middle = np.mean([box.y for box in boxes])
    aside = 0.0 if pattern == "core" else rng.choice([-1, 1]) * rng.uniform(0.15, 0.40)
    return Cup(back + rng.uniform(0.80, 1.20), middle + aside + rng.uniform(-0.08, 0.08), _pick(CUPS, rng))


def _sample_look(rng):
    lamp = np.array([rng.uniform(-0.6, 0.1), rng.uniform(-0.6, 0.6), 1.0])
    warmth = rng.uniform(-0.08, 0.10)
    grey = rng.uniform(0.36, 0.66)
    return Look(
        floor=str(rng.choice(FLOORS)),
        floor_colour=tuple(grey + np.array([0.06, 0.0, -0.06]) * rng.uniform(-0.5, 2.0)),
        wall_colour=tuple(rng.uniform(0.60, 0.85) + rng.uniform(-0.06, 0.06, 3)),
        tile=rng.uniform(0.24, 0.45),
        room=(rng.uniform(4.4, 6.0), rng.uniform(-2.6, -1.6), rng.uniform(1.6, 2.6)),
        light=tuple(lamp / np.linalg.norm(lamp)),
        brightness=rng.uniform(0.70, 1.10),
        tint=(1 + warmth, 1.0, 1 - warmth),
        texture_seed=int(rng.integers(2**31)),
    )


def _pick(palette, rng):
    return tuple(np.clip(np.array(palette[rng.integers(len(palette))]) + rng.uniform(-0.04, 0.04, 3), 0, 1))
