"""All findings about what misleads, in one list. `data check`, `data report` and `doctor` ask here."""

from robovlms_mobile.checking.misleading import colour_order, instructions_said, labels, spread, two_sides
from robovlms_mobile.checking.misleading.evidence import Evidence
from robovlms_mobile.findings import LEVELS, Finding

KINDS = {
    "colours mixed": colour_order.mixed,
    "colours contradicted": colour_order.contradicted,
    "colours open": colour_order.left_open,
    "one side or action": spread.one_sided,
    "labels against pixels": labels.contradicted,
    "labels against names": labels.against_the_names,
    "shifted in part": labels.partly_shifted,
    "constant instruction": instructions_said.constant,
    "other language": instructions_said.foreign,
    "gives the action away": instructions_said.given_away,
    "no stop": spread.no_stops,
    "scenario on one side": two_sides.scenarios_apart,
    "recording on both sides": two_sides.recordings_torn,
    "rates differ": spread.paces,
    "one speed": spread.one_speed,
}


def misleading(evidence: Evidence) -> list[Finding]:
    """Return what would mislead a training, the worst first; nothing of an empty folder."""
    if not evidence.episodes:
        return []
    found = [finding for kind in KINDS.values() for finding in kind(evidence)]
    return sorted(found, key=lambda each: -LEVELS.index(each.level))
