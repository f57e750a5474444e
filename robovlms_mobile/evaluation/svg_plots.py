"""Small drawings as SVG, for a page: lines over frames, and paths from above. Their colours are the page's classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from markupsafe import Markup

LEFT, BELOW, TOP, RIGHT = 34, 18, 8, 8  # pixels around the drawing of a plot


@dataclass(frozen=True)
class Line:
    """One line of a plot.

    Attributes:
        values: (T,), one a frame; NaN leaves a gap at the end.
        look: class of the page.
        dots: a dot at each value.
        steps: each value holds until the next frame.
    """

    values: np.ndarray
    look: str
    dots: bool = False
    steps: bool = False


def plot(lines: Sequence[Line], limits: tuple[float, float], size: tuple[int, int] = (360, 130)) -> "Markup":
    """Draw lines over frame numbers.

    Args:
        limits: lowest and highest value that is shown.
        size: pixels.
    """
    width, height = size
    longest = max(len(line.values) for line in lines)
    low, high = limits

    def place(frame, value):
        x = LEFT + (width - LEFT - RIGHT) * frame / max(1, longest - 1)
        y = TOP + (height - TOP - BELOW) * (high - value) / ((high - low) or 1)
        return f"{x:.1f},{y:.1f}"

    drawn = [_rule(place, value, longest, width) for value in np.linspace(low, high, 3)]
    every = max(1, -(-longest // 12))
    for frame in range(0, longest, every):
        x, _, _ = place(frame, low).partition(",")
        drawn.append(f'<text x="{x}" y="{height - 4}" class="tick" text-anchor="middle">{frame}</text>')
    drawn += [part for line in lines for part in _line(line, place)]
    return _svg(drawn, width, height)


def grid_of(limits: tuple) -> int:
    """Return how many metres lie between two lines of `paths`."""
    (_, _), (back, front) = limits
    return next((step for step in (1, 2, 5, 10, 20, 50) if (front - back) / step < 9), 100)


def paths(tracks: Sequence[tuple[np.ndarray, str]], limits: tuple, width: int = 170) -> "Markup":
    """Draw ways from above: forward is up, left is left; the triangle is the start, a dot an end.

    Args:
        tracks: ((T + 1, 2) positions in metres, x forward, y left; class of the page).
        limits: see `limits_of`.
    """
    (right, left), (back, front) = limits
    scale = (width - 8) / (left - right)
    height = 8 + (front - back) * scale

    def place(point):
        return f"{4 + (left - point[1]) * scale:.1f},{4 + (front - point[0]) * scale:.1f}"

    drawn = []
    step = grid_of(limits)
    for metre in range(int(np.ceil(back / step)) * step, int(front) + 1, step):
        ends = [place((metre, side)).split(",") for side in (left, right)]
        drawn.append(_straight(*ends))
    for track, look in tracks:
        end = place(track[-1]).split(",")
        drawn.append(f'<polyline class="{look}" points="{" ".join(map(place, track))}"/>')
        drawn.append(f'<circle class="{look} dot" cx="{end[0]}" cy="{end[1]}" r="3"/>')
    x, y = (float(each) for each in place((0, 0)).split(","))
    drawn.append(f'<path class="start" d="M{x:.1f} {y - 6:.1f}l4.5 9h-9z"/>')
    return _svg(drawn, width, round(height))


def limits_of(tracks: Sequence[np.ndarray]) -> tuple:
    """Return ((lowest y, highest y), (lowest x, highest x)), metres, in which all tracks are, even about the middle."""
    points = np.concatenate(tracks)
    side = max(0.6, float(np.abs(points[:, 1]).max()), 0.3 * float(np.ptp(points[:, 0]))) + 0.1
    return (-side, side), (float(points[:, 0].min()) - 0.2, float(points[:, 0].max()) + 0.2)


def _line(line, place):
    known = [(frame, value) for frame, value in enumerate(line.values) if np.isfinite(value)]
    corners = [place(*each) for each in known]
    dots = [f'<circle class="{line.look} dot" cx="{x}" cy="{y}" r="2.6"/>' for x, y in (c.split(",") for c in corners)]
    if line.steps:
        corners = [
            place(min(max(0, frame + side), len(line.values) - 1), value)
            for frame, value in known
            for side in (-0.5, 0.5)
        ]
    return [f'<polyline class="{line.look}" points="{" ".join(corners)}"/>', *(dots if line.dots else [])]


def _rule(place, value, longest, width):
    start, end = (place(frame, value).split(",") for frame in (0, longest - 1))
    label = f'<text x="{LEFT - 5}" y="{float(start[1]) + 3.5:.1f}" class="tick" text-anchor="end">{value:.2g}</text>'
    return _straight(start, [str(width - RIGHT), end[1]]) + label


def _straight(start, end):
    return f'<line class="grid" x1="{start[0]}" y1="{start[1]}" x2="{end[0]}" y2="{end[1]}"/>'


def _svg(parts, width, height):
    from markupsafe import Markup

    inside = "".join(parts)  # numbers and class names of this package: nothing out of a file
    return Markup(f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">{inside}</svg>')
