"""All figures of a report, each in both themes, as PNG bytes."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from robovlms_mobile.report.charts import changes, compass, errors, stacked, top_down
from robovlms_mobile.report.facts import Facts
from robovlms_mobile.report.records import Record
from robovlms_mobile.report.themes import COLOURS, THEMES, to_png
from robovlms_mobile.scoring.trajectories import integrate

SHADES = (COLOURS[0], COLOURS[7], COLOURS[6], COLOURS[1], COLOURS[5])  # of distances, in their order


@dataclass(frozen=True)
class Drawing:
    """One figure: PNG bytes in light and in dark, and its width and height in pixels."""

    light: bytes
    dark: bytes
    size: tuple


@dataclass(frozen=True)
class Drawings:
    """The figures of a report.

    Attributes:
        figures: name → Drawing.
        tracks: scenario → Drawing of its paths from above.
        shades: distance → colour of its paths.
    """

    figures: dict
    tracks: dict
    shades: dict

    def files(self) -> dict[str, bytes]:
        """Return file name → PNG bytes, the light ones."""
        paths = {f"paths_{_plain(scenario)}.png": drawing.light for scenario, drawing in self.tracks.items()}
        return {f"{name}.png": drawing.light for name, drawing in self.figures.items()} | paths


def draw(facts: Facts, records: list[Record], progress: Callable[[int, int], object] | None = None) -> Drawings:
    """Draw everything that `facts` and the records give.

    Args:
        progress: called as `progress(done, total)` after each figure.
    """
    jobs = {
        "directions": lambda theme: compass(facts.directions, theme),
        "directions_by_frame": lambda theme: stacked(facts.by_frame, theme),
        "changes_by_frame": lambda theme: changes(facts.change_rate, theme),
    }
    if facts.baselines:
        jobs["baselines_by_frame"] = lambda theme: errors(facts.baselines, theme)
    shades = {distance: SHADES[n % len(SHADES)] for n, distance in enumerate(facts.distances)}
    maps = _maps(facts, records, shades)
    drawn = {}
    for done, (name, job) in enumerate((jobs | maps).items(), 1):
        drawn[name] = _both(job)
        if progress:
            progress(done, len(jobs) + len(maps))
    return Drawings({name: drawn[name] for name in jobs}, {name: drawn[name] for name in maps}, shades)


def _both(job):
    figures = [job(theme) for theme in THEMES]
    light, dark = map(to_png, figures)
    width, height = figures[0].get_size_inches() * 100
    return Drawing(light, dark, (round(width), round(height)))


def _maps(facts, records, shades):
    """Return scenario → a function that draws its paths; all share their limits."""
    groups = {}
    for record in records:
        track = integrate(record.episode.actions, facts.step)
        groups.setdefault(record.scenario, []).append((track, shades[record.distance]))
    points = np.concatenate([track for group in groups.values() for track, _ in group])
    margin = 0.06 * max(np.ptp(points[:, 0]), 1.0)
    side = max(np.abs(points[:, 1]).max(), 0.3 * np.ptp(points[:, 0]), 0.5) + margin
    limits = ((-side, side), (points[:, 0].min() - margin, points[:, 0].max() + margin))
    order = [scenario for scenario in facts.scenarios if scenario in groups]
    return {
        scenario: lambda theme, group=groups[scenario]: top_down(*zip(*group, strict=True), limits, theme)
        for scenario in order
    }


def _plain(text):
    return "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in text)
