"""Evaluate a policy on recorded episodes: itself, disturbed, and beside what it has to beat."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from robovlms_mobile.evaluation.ablations import LEAST, ablate
from robovlms_mobile.evaluation.behaviour import behaviour
from robovlms_mobile.evaluation.offline import Policy, Shown, ask
from robovlms_mobile.evaluation.verdict import verdict
from robovlms_mobile.scoring.baselines import NAMES, Baselines
from robovlms_mobile.scoring.figures import paired_change, with_intervals
from robovlms_mobile.scoring.scored import Scored

FORMAT = 1  # of eval_info.json


@dataclass(frozen=True)
class Evaluation:
    """What came out.

    Attributes:
        info: what eval_info.json says.
        episodes: the `Shown` ones, validation first.
        scored: what was predicted for each of them.
        baselines: name → `Scored` of each validation episode.
    """

    info: dict
    episodes: list
    scored: list
    baselines: dict

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of the real dims."""
        return tuple(self.info["settings"]["dims"])

    @property
    def speed(self) -> float:
        """The usual speed of a recorded motion, m/s."""
        return self.info["settings"]["speed"]

    @property
    def validation(self) -> list:
        """The `Scored` of validation episodes."""
        return [each for shown, each in zip(self.episodes, self.scored, strict=True) if shown.side == "validation"]


def evaluate(
    policy: Policy,
    validation: list[Shown],
    taught: list[tuple],
    dims: tuple[str, ...],
    speed: float,
    training: Sequence[Shown] = (),
    settings: dict | None = None,
) -> Evaluation:
    """Evaluate a policy.

    Args:
        policy: a `Policy`.
        validation: episodes it has not seen.
        taught: (actions (T, D), scenario) of each episode it was trained on, for baselines; empty for none.
        dims: names of the D real dims.
        speed: the usual speed of a recorded motion, m/s, see `scoring.scored.usual_speed`.
        training: episodes it was trained on, to be told apart.
        settings: what else eval_info.json should record.

    Returns:
        `Evaluation`; its `info` has `overall`, `per_group`, `behaviour`, `ablations`, `baselines`, `training` (or None)
        and `verdict`. A baseline's or an ablation's `change` is by how much its figures lie above the policy's.
    """
    own = ask(policy, validation)
    few = len(validation) < LEAST
    others = _predicted(validation, own, taught)
    info: dict[str, Any] = {
        "format": FORMAT,
        "settings": {**(settings or {}), "dims": list(dims), "speed": speed},
        **_grouped(own, dims, speed),
        "behaviour": None if few else behaviour(own, dims, speed),
        "ablations": {} if few else ablate(policy, validation, own, dims, speed),
        "baselines": {name: _beside(own, each, dims, speed) for name, each in others.items()},
    }
    remembered = ask(policy, training) if training else []
    info["training"] = _grouped(remembered, dims, speed) if training else None
    info["verdict"] = verdict(info, validation)
    return Evaluation(info, [*validation, *training], own + remembered, others)


def _grouped(scored, dims, speed):
    groups = {}
    for each in scored:
        groups.setdefault(each.scenario, []).append(each)
    return {
        "overall": with_intervals(scored, dims, speed),
        "per_group": {name: with_intervals(each, dims, speed) for name, each in sorted(groups.items())},
    }


def _predicted(validation, own, taught):
    """Name → what each baseline predicts for the same episodes."""
    if not taught:
        return {}
    baselines = Baselines(*(list(each) for each in zip(*taught, strict=True)))
    chunk = own[0].predicted.shape[1]
    predict: Callable = baselines.predict
    return {
        name: [each.scored(predict(name, each.actual, each.scenario, chunk)) for each in validation] for name in NAMES
    }


def _beside(own: list[Scored], other: list[Scored], dims, speed):
    return {**with_intervals(other, dims, speed), "change": paired_change(own, other, dims, speed)}
