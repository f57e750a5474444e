"""Ask a policy frame by frame through recorded episodes, as a robot would, and pair its answers with what was done."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from robovlms_mobile.scoring.scored import Scored

TOGETHER = 16  # episodes side by side: each is predicted as alone


class Policy(Protocol):
    """What can be evaluated: `trained.TrainedPolicy`, or anything that answers as it does."""

    def reset(self, instructions: list[str]) -> None:
        """Start n episodes. instructions: n strings."""

    def act(self, frames: list[np.ndarray]) -> np.ndarray:
        """Return (n, N, D) m/s and rad/s from n pictures, (H, W, 3) uint8 RGB: the next N actions of each episode."""


@dataclass(frozen=True)
class Shown:
    """One episode as a policy is shown it, and what it is measured by.

    Attributes:
        name: of the file.
        scenario: out of the name.
        instruction: what the policy is told.
        frames: (T, S, S, 3) uint8 RGB, resized as in training.
        actual: (T', D) m/s and rad/s: the action that training pairs with each frame. T' is T; with `shift_first`,
            where a frame goes with the action after its own, T - 1.
        period: seconds from a frame to the next.
        side: "validation", or "training" for an episode the run trained on.
    """

    name: str
    scenario: str
    instruction: str
    frames: np.ndarray
    actual: np.ndarray
    period: float = 1.0
    side: str = "validation"

    def scored(self, predicted: np.ndarray) -> Scored:
        """Return the episode with what was predicted at each of its frames, (T', N, D)."""
        return Scored(self.name, self.scenario, predicted, self.actual, self.period)


def ask(
    policy: Policy,
    episodes: Sequence[Shown],
    told: Sequence[str] | None = None,
    shown: Sequence[np.ndarray] | None = None,
) -> list[Scored]:
    """Run every episode from its first frame to its last.

    Args:
        policy: a `Policy`.
        episodes: those to score.
        told: other instructions than the episodes' own, one each.
        shown: other frames, (T, S, S, 3) uint8 each; one that is too short stays at its last.

    Returns:
        list of `Scored`, one an episode.
    """
    told = [each.instruction for each in episodes] if told is None else told
    shown = [each.frames for each in episodes] if shown is None else shown
    found = []
    for start in range(0, len(episodes), TOGETHER):
        part = slice(start, start + TOGETHER)
        found += _side_by_side(policy, episodes[part], told[part], shown[part])
    return found


def _side_by_side(policy, episodes, told, shown):
    policy.reset(list(told))
    longest = max(len(each.actual) for each in episodes)
    answers = [
        policy.act([frames[min(frame, len(frames) - 1)] for frames in shown]) for frame in range(longest)
    ]  # T of (n, N, D)
    return [
        each.scored(np.stack([answer[number] for answer in answers[: len(each.actual)]]))
        for number, each in enumerate(episodes)
    ]
