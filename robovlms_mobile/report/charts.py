"""Draw the facts with matplotlib. Every function takes plain numbers and a theme and returns a Figure.

Nothing that comes out of a file is drawn as text: fonts may lack its letters. The page says those things.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from robovlms_mobile.data.directions import DIRECTIONS, STOP
from robovlms_mobile.report.blind_errors import Baseline
from robovlms_mobile.report.themes import COLOURS, LINES, Theme, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDE = (6.2, 3.7)  # inches: about the width of a phone's text, so that letters stay readable there


def compass(counts: Sequence[int], theme: Theme) -> "Figure":
    """Draw the nine directions as petals whose area is their share, forward up; stop is the disc below left."""
    from matplotlib.patches import Circle, Wedge

    shares = np.asarray(counts) / sum(counts)
    radii = np.sqrt(shares)  # of petals; a petal is an eighth of a circle, less a gap
    reach = max(radii.max(), 0.3)
    figure = new_figure(theme, (4.6, 4.4))
    axes = plain_axes(figure, theme)
    for part in (0.5, 1.0):
        axes.add_patch(Circle((0, 0), reach * part, fill=False, edgecolor=theme.rule, linewidth=1))
    for n, direction in enumerate(DIRECTIONS[:STOP]):
        angle = 90 - 45 * n
        axes.add_patch(Wedge((0, 0), radii[n], angle - 20, angle + 20, facecolor=COLOURS[n]))
        at = max(radii[n], 0.24 * reach) + 0.09 * reach
        x, y = at * np.cos(np.radians(angle)), at * np.sin(np.radians(angle))
        side = "center" if abs(x) < 0.1 * at else "left" if x > 0 else "right"
        text = f"{direction.key}  {shares[n]:.0%}" if shares[n] >= 0.005 or not shares[n] else f"{direction.key}  <1%"
        ink = theme.ink if shares[n] else theme.muted
        axes.text(x, y, text, ha=side, va="center", color=ink, size=12 if shares[n] else 10)
    rest = radii[STOP] / 3  # a disc of the same area as its petal would have
    axes.add_patch(Circle((-1.02 * reach, -1.02 * reach), rest, facecolor=COLOURS[STOP]))
    beside = -1.02 * reach + rest + 0.06 * reach
    axes.text(beside, -1.02 * reach, f"stop  {shares[STOP]:.0%}", va="center", color=theme.ink, size=12)
    axes.set(xlim=(-1.25 * reach, 1.25 * reach), ylim=(-1.25 * reach, 1.25 * reach), xticks=[], yticks=[])
    axes.set_aspect("equal")
    return figure


def stacked(by_frame: Sequence[Sequence[int]], theme: Theme) -> "Figure":
    """Draw the share of each direction at every frame number. by_frame: (T, 9) counts."""
    counts = np.asarray(by_frame, float)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = new_figure(theme, WIDE)
    axes = plain_axes(figure, theme)
    bottom = np.zeros(len(shares))
    for n in np.argsort(-counts.sum(axis=0), kind="stable"):
        if counts[:, n].any():
            axes.bar(range(len(shares)), shares[:, n], 0.86, bottom, color=COLOURS[n], label=DIRECTIONS[n].name)
            bottom += shares[:, n]
    axes.set(xlabel="frame number", ylim=(0, 1), xlim=(-0.6, len(shares) - 0.4))
    _percent(axes)
    _legend(axes, theme, columns=4)
    return figure


def changes(rates: Sequence[float | None], theme: Theme) -> "Figure":
    """Draw the share of episodes that change their action at every frame number; None is left out."""
    known = [(t, rate) for t, rate in enumerate(rates) if rate is not None]
    figure = new_figure(theme, WIDE)
    axes = plain_axes(figure, theme)
    axes.bar([t for t, _ in known], [rate for _, rate in known], 0.7, color=COLOURS[0])
    axes.grid(axis="y", color=theme.rule)
    axes.set(xlabel="frame number", xlim=(-0.6, len(rates) - 0.4), ylim=(0, max(0.2, *(r for _, r in known), 0) * 1.1))
    _percent(axes)
    return figure


def errors(baselines: Sequence[Baseline], theme: Theme) -> "Figure":
    """Draw the baselines' error by frame number, m/s."""
    figure = new_figure(theme, WIDE)
    axes = plain_axes(figure, theme)
    for baseline, colour in zip(baselines, LINES, strict=True):
        frames = [t for t, error in enumerate(baseline.by_frame) if error is not None]
        values = [baseline.by_frame[t] for t in frames]
        axes.plot(frames, values, color=colour, linewidth=2.2, marker="o", markersize=3.5, label=baseline.name)
    axes.grid(axis="y", color=theme.rule)
    axes.set(xlabel="frame number", ylabel="error, m/s", ylim=(0, None))
    _whole(axes)
    _legend(axes, theme, columns=2)
    return figure


def top_down(
    tracks: Sequence[np.ndarray],
    colours: Sequence[str],
    limits: tuple[tuple[float, float], tuple[float, float]],
    theme: Theme,
) -> "Figure":
    """Draw paths from above: forward is up, left is left.

    Args:
        tracks: list of (T + 1, 2) positions in metres, x forward, y left.
        colours: one a track.
        limits: ((lowest y, highest y), (lowest x, highest x)), shared by all drawings to be compared.
    """
    (right, left), (back, front) = limits
    tall = min(2.2, max(0.6, (front - back) / (left - right)))
    figure = new_figure(theme, (2.9, 0.25 + 2.7 * tall))
    axes = plain_axes(figure, theme)
    for track, colour in zip(tracks, colours, strict=True):
        axes.plot(track[:, 1], track[:, 0], color=colour, alpha=0.55, linewidth=1.6, solid_joinstyle="round")
        axes.plot(*track[-1, ::-1], "o", color=colour, markersize=4, alpha=0.8)
    axes.plot(0, 0, "^", color=theme.ink, markersize=7, zorder=3)
    axes.grid(color=theme.rule)
    axes.set(xlim=(left, right), ylim=(back, front))
    axes.set_aspect("equal")
    axes.xaxis.set_major_locator(_few())
    axes.yaxis.set_major_locator(_few())
    return figure


def _few():
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(4, integer=True)


def _whole(axes):
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(10, integer=True))


def _percent(axes):
    from matplotlib.ticker import PercentFormatter

    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    _whole(axes)


def _legend(axes, theme, columns):
    axes.legend(
        loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=columns, frameon=False, labelcolor=theme.ink, fontsize=10.5
    )
