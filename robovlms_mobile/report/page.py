"""Facts, drawings and photographs → one HTML page that needs nothing else. Words are in `page.html` beside this."""

import base64
from typing import TYPE_CHECKING

import numpy as np

from robovlms_mobile.data.directions import DIRECTIONS
from robovlms_mobile.data.split.near_duplicates import NEAR
from robovlms_mobile.report.drawings import Drawings
from robovlms_mobile.report.duplicates import NEAR_IF_SAME
from robovlms_mobile.report.facts import Facts
from robovlms_mobile.report.needs import spoken
from robovlms_mobile.report.pictures import Pictures, jpeg, side_by_side
from robovlms_mobile.report.records import UNKNOWN
from robovlms_mobile.report.sides import Sides
from robovlms_mobile.report.themes import COLOURS, THEMES

if TYPE_CHECKING:
    from jinja2 import Environment


def render(facts: Facts, drawings: Drawings, photos: Pictures) -> str:
    """Return the page as a string: no reference to another file or host, and no script."""
    return (
        environment("report")
        .get_template("page.html")
        .render(
            facts=facts,
            settings=facts.settings,
            drawings=drawings,
            photos=photos,
            directions=list(zip(DIRECTIONS, facts.directions, COLOURS, strict=True)),
            table=heat_table(facts.combinations),
            best=min(facts.baselines, key=lambda baseline: baseline.error) if facts.baselines else None,
            both=twin_bars(facts, facts.sides) if facts.sides else None,
            training=facts.sides and facts.sides.training,
            validation=facts.sides and facts.sides.validation,
            near=NEAR,
            near_if_same=NEAR_IF_SAME,
            UNKNOWN=UNKNOWN,
        )
    )


def environment(*rooms: str) -> "Environment":
    """Return what renders the templates of some rooms of the package: everything put in is escaped.

    `head.html` and `page.css` of this room are there for all of them.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    found = Environment(
        loader=ChoiceLoader([PackageLoader(f"robovlms_mobile.{room}", "") for room in rooms]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"number": _number, "spoken": spoken_or_unknown, "minutes": _minutes}
    found.globals |= {"jpeg_uri": jpeg_uri, "png_uri": png_uri, "strip": side_by_side, "bars": bars}
    found.globals |= {"themes": {theme.name: theme for theme in THEMES}}
    return found


def bars(counts: dict[str, int]) -> list[tuple[str, int, float]]:
    """dict label → count: list of (label, count, share of the largest in percent)."""
    largest = max(counts.values(), default=0) or 1
    return [(label, count, 100 * count / largest) for label, count in counts.items()]


def heat_table(combinations: dict[tuple[str, str, str], int]) -> dict | None:
    """Lay combinations out as a table.

    Returns:
        dict: columns: [(pattern, distance)], rows: [(scenario, [(count, strength in 0..1)])]; None without any.
    """
    if not combinations:
        return None
    columns = list(dict.fromkeys((pattern, distance) for _, pattern, distance in combinations))
    largest = max(combinations.values()) or 1
    rows = []
    for scenario in dict.fromkeys(scenario for scenario, _, _ in combinations):
        cells = [combinations[(scenario, *column)] for column in columns]
        rows.append((scenario, [(count, count / largest) for count in cells]))
    return {"columns": columns, "rows": rows}


def twin_bars(facts: Facts, sides: Sides) -> dict[str, list]:
    """Return what training and validation hold, in shares of each: {"scenarios": rows, "directions": rows}.

    A row is (label, training count, its bar, validation count, its bar): bars show shares of the own side, in percent
    of the largest one.
    """
    both = (sides.training, sides.validation)
    scenarios = [(spoken_or_unknown(name), *(side.scenarios.get(name, 0) for side in both)) for name in facts.scenarios]
    moves = [(direction.label, *(side.directions[n] for side in both)) for n, direction in enumerate(DIRECTIONS)]
    return {"scenarios": _twin_rows(scenarios), "directions": _twin_rows(moves)}


def spoken_or_unknown(scenario: str) -> str:
    """Return a scenario in words, or UNKNOWN as it is."""
    return scenario if scenario == UNKNOWN else spoken(scenario)


def png_uri(content: bytes) -> str:
    """PNG bytes → data URI."""
    return "data:image/png;base64," + base64.b64encode(content).decode()


def jpeg_uri(image: np.ndarray) -> str:
    """(height, width, 3) uint8 → data URI of a JPEG."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg(image)).decode()


def _twin_rows(rows):
    sums = [max(1, sum(row[side] for row in rows)) for side in (1, 2)]
    largest = max(max(a / sums[0], b / sums[1]) for _, a, b in rows) or 1
    return [(label, a, 100 * a / sums[0] / largest, b, 100 * b / sums[1] / largest) for label, a, b in rows]


def _number(value):
    """12345 → 12 345, with a thin space that does not break."""
    return f"{value:,}".replace(",", "\u202f")


def _minutes(seconds):
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
