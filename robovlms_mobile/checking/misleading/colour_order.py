"""Are red and blue where the config, or the files themselves, say they are?"""

from collections.abc import Iterator

from robovlms_mobile.checking.misleading.evidence import Evidence
from robovlms_mobile.data.colours.unsaid import listed_sources, question, written
from robovlms_mobile.findings import Finding


def mixed(evidence: Evidence) -> Iterator[Finding]:
    """Yield that sources whose files are silent have different orders: no `color_order` is right for all of them."""
    silent = [each for each in evidence.sources if each.told is None and each.decided]
    if len({each.decided for each in silent}) > 1:
        what = f"RGB and BGR are mixed, and no color_order is right for all: {listed_sources(silent)}"
        yield Finding("error", what, evidence.where, written(silent))


def contradicted(evidence: Evidence) -> Iterator[Finding]:
    """Yield that pixels speak against what the config says, or the files' own attribute."""
    against = [each for each in evidence.sources if each.told and each.decided not in (None, each.told)]
    if against:
        what = f"files say one order, and their pixels another: {listed_sources(against)}"
        fix = f"look at both pictures; if the attribute is wrong, {written(against, anew=True)}"
        yield Finding("error", what, evidence.where, fix)
    silent = {each.decided for each in evidence.sources if each.told is None} - {None}
    if evidence.color_order and len(silent) == 1 and silent != {evidence.color_order}:
        (order,) = silent
        other = [each for each in evidence.sources if each.told is None and each.decided == order]
        what = f"color_order is {evidence.color_order}, and the pixels say {order}: {listed_sources(other)}"
        fix = f'look at both pictures, and write "color_order": "{order}" into both dataset blocks'
        yield Finding("error", what, evidence.where, fix)


def left_open(evidence: Evidence) -> Iterator[Finding]:
    """Yield what a run would ask where nobody says the order, or what it would take."""
    silent = [each for each in evidence.sources if each.told is None]
    orders = {each.decided for each in silent}
    if evidence.color_order or not silent or len(orders - {None}) > 1:
        return
    files = sum(len(each.episodes) for each in silent)
    if None in orders:
        level = "error" if evidence.color_order is None else "warn"
        what, fix = question(evidence.where, [each for each in silent if each.decided is None])
        yield Finding(level, what.removeprefix(f"{evidence.where}: ").rstrip("."), evidence.where, fix.rstrip("."))
        return
    (order,) = orders
    sure = min(max(each.chance, 1 - each.chance) for each in silent)
    what = f"{files} files do not say RGB or BGR, and their pixels say {order}, {sure:.0%} sure"
    fix = f'"color_order": "{order}" in both dataset blocks says it for good'
    yield Finding("ok", what, evidence.where, fix)
