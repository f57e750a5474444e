"""Pictures of drives: all paths from above, and one drive as a film of camera and map. With Pillow alone."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from robovlms_mobile.simulation.room import Drive

PAPER, INK, RULE = (255, 255, 255), (31, 38, 48), (222, 227, 232)
BLUE, RED, GREY = (63, 131, 200), (220, 106, 60), (152, 162, 174)
METRE = 56  # pixels on a sheet of many drives
FILM_METRE = 72  # on the film
AHEAD, ASIDE = (-0.3, 3.7), 1.35  # metres that a map shows
COLUMNS = 8
SECOND = 400  # milliseconds a step takes in the film


def sheet(drives: list, verdicts: list, path: Path) -> Path:
    """Draw every drive from above: blue where it parked, orange where it failed, grey between. Returns `path`."""
    maps = [
        room_map(drive, BLUE if verdict.parked else GREY if verdict.success else RED)
        for drive, verdict in zip(drives, verdicts, strict=True)
    ]
    width, height = maps[0].size
    rows = -(-len(maps) // COLUMNS)
    paper = Image.new("RGB", (COLUMNS * (width + 8) + 8, rows * (height + 8) + 8), RULE)
    for number, each in enumerate(maps):
        paper.paste(each, (8 + number % COLUMNS * (width + 8), 8 + number // COLUMNS * (height + 8)))
    paper.save(path)
    return path


def film(drive: Drive, instruction: str, path: Path) -> Path:
    """Write one drive as a GIF: what the camera saw at each step beside the way so far. Returns `path`.

    The frames are rendered again from the places on its path.
    """
    again = Drive(drive.world, (0,), drive.conditions)
    frames = []
    for step in range(0, len(drive.path), drive.conditions.every):
        again.pose = (*drive.path[step], drive.world.start[2])
        frames.append(_beside(again.frame(), room_map(drive, BLUE, step + 1, FILM_METRE), instruction))
    frames = [each.quantize(64, dither=Image.Dither.NONE) for each in frames]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=SECOND, loop=0)
    return path


def _beside(frame, above, instruction):
    seen = Image.fromarray(frame)
    seen = seen.resize((round(seen.width * (above.height - 30) / seen.height), above.height - 30))
    paper = Image.new("RGB", (seen.width + above.width + 8, above.height), PAPER)
    paper.paste(seen, (0, 30))
    paper.paste(above, (seen.width + 8, 0))
    ImageDraw.Draw(paper).text((8, 9), instruction, INK, font_size=16)
    return paper


def room_map(drive: Drive, colour: tuple, points: int | None = None, metre: int = METRE) -> Image.Image:
    """Return a room from above, forward up: boxes, cup, and the first `points` places of the drive."""
    size = (round(2 * ASIDE * metre), round((AHEAD[1] - AHEAD[0]) * metre))
    picture = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(picture)

    def at(x, y):
        return (ASIDE - y) * metre, (AHEAD[1] - x) * metre

    for box in drive.world.boxes:
        fill = tuple(int(255 * each) for each in box.colour)
        pen.rectangle((*at(box.high[0], box.high[1]), *at(box.low[0], box.low[1])), fill, INK)
    cup = drive.world.cup
    x, y = at(cup.x, cup.y)
    around, there = cup.radius * metre, 0.60 * metre
    pen.ellipse((x - there, y - there, x + there, y + there), outline=RULE, width=2)
    pen.ellipse((x - around, y - around, x + around, y + around), tuple(int(255 * each) for each in cup.colour), INK)
    way = [at(*place) for place in np.asarray(drive.path[:points])]
    pen.line(way, colour, max(2, metre // 20), joint="curve")
    for place in way:
        pen.ellipse((place[0] - 2, place[1] - 2, place[0] + 2, place[1] + 2), colour)
    return picture
