"""What a script asks of an evaluation: `balanced_direction_accuracy>0.6`."""

import operator
import re
from dataclasses import dataclass
from typing import Any

from robovlms_mobile.data.unknown import closest
from robovlms_mobile.errors import MobileError
from robovlms_mobile.evaluation.ablations import ABLATIONS
from robovlms_mobile.scoring.baselines import NAMES

COMPARE = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
EXPRESSION = re.compile(r"\s*([\w. -]*?[\w])\s*(>=|<=|>|<)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*")
FIGURES = (
    "n_episodes",
    "n_frames",
    "mae",
    "rmse",
    "mae_by_dim",
    "direction_accuracy",
    "balanced_direction_accuracy",
    "change_accuracy",
    "stop_recall",
    "final_position_error",
)
GROUPS = {"overall": (), "per_group": (), "behaviour": (), "training": (), "ablations": ABLATIONS, "baselines": NAMES}


@dataclass(frozen=True)
class Requirement:
    """One comparison.

    Attributes:
        text: as it was given.
        name: a figure of `overall`, or a path in eval_info.json with dots.
        sign: one of COMPARE.
        bound: the number.
    """

    text: str
    name: str
    sign: str
    bound: float


def parse(text: str) -> Requirement:
    """Read an expression.

    Raises:
        MobileError: it is none, or names nothing that an evaluation has.
    """
    found = EXPRESSION.fullmatch(text)
    if not found:
        raise MobileError(
            f"--require {text!r} is no comparison: expected a figure, one of {' '.join(COMPARE)}, and a number.",
            "For example: --require 'balanced_direction_accuracy>0.6'",
        )
    name, sign, bound = found.groups()
    first, _, below = name.partition(".")
    second = below.partition(".")[0]
    if first not in (*FIGURES, *GROUPS):
        raise MobileError(_unknown(text, name, first, (*FIGURES, *GROUPS)))
    if GROUPS.get(first) and second not in GROUPS[first]:
        raise MobileError(_unknown(text, name, second, GROUPS[first]))
    return Requirement(text, name, sign, float(bound))


def unmet(requirement: Requirement, info: dict[str, Any]) -> str | None:
    """Return a sentence when an evaluation does not meet a requirement, None when it does.

    Raises:
        MobileError: the name leads to no number in `info`.
    """
    value = _value(requirement, info)
    if value is None:
        return f"--require {requirement.text}: not met, {requirement.name} could not be computed from these episodes"
    if COMPARE[requirement.sign](value, requirement.bound):
        return None
    return f"--require {requirement.text}: not met, {requirement.name} is {value:.4g}"


def _value(requirement, info):
    found: Any = info if requirement.name.partition(".")[0] in GROUPS else info["overall"]
    names = requirement.name.split(".")
    for number, name in enumerate(names):
        if found is None:  # a group that these episodes do not give
            return None
        if not isinstance(found, dict) or name not in found:
            known = list(found) if isinstance(found, dict) else []
            at = ".".join(names[:number]) or "eval_info.json"
            raise MobileError(_unknown(requirement.text, requirement.name, name, known, f" in {at}"))
        found = found[name]
    if isinstance(found, (dict, list, str)):
        raise MobileError(
            f"--require {requirement.text!r}: {requirement.name} is no number but {type(found).__name__}."
        )
    return found


def _unknown(text, name, part, known, where=""):
    near = closest(part, known)
    guess = f"did you mean {near!r}?" if near else f"known: {', '.join(known)}." if known else "nothing is below it."
    return f"--require {text!r}: there is no {part!r}{where} ({name}); {guess}"
