"""What can drive a robot through rooms: a trained policy, the expert, and what a policy has to beat.

A controller has `reset(drives, instructions)` and `act(step, drives)` → (n, N, 2) velocities, m/s.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from robovlms_mobile.simulation.driver import choose_key, command
from robovlms_mobile.simulation.room import Drive

if TYPE_CHECKING:
    from robovlms_mobile.evaluation.trained import TrainedPolicy


@dataclass
class Trained:
    """A `TrainedPolicy`, shown what each drive's camera sees.

    Attributes:
        blind: "grey" shows it grey pictures, "frozen" the first one for ever; None shows what there is.
    """

    policy: "TrainedPolicy"
    blind: str | None = None
    _first: list = field(default_factory=list)

    def reset(self, drives: list[Drive], instructions: list[str]) -> None:
        """Start an episode in each drive."""
        self._first = [drive.frame() for drive in drives]
        self.policy.reset(instructions)

    def act(self, step: int, drives: list[Drive]) -> np.ndarray:
        """Return (n, N, 2): the next N velocities of each drive."""
        if self.blind == "frozen":
            return self.policy.act(self._first)
        if self.blind == "grey":
            frames = [np.full_like(first, 120) for first in self._first]
        else:
            frames = [drive.frame() for drive in drives]
        return self.policy.act(frames)[..., :2]


class Expert:
    """The driver that recorded the episodes; it knows where everything is."""

    def reset(self, drives: list[Drive], instructions: list[str]) -> None:
        """Nothing to do."""

    def act(self, step: int, drives: list[Drive]) -> np.ndarray:
        """Return (n, 1, 2)."""
        return np.stack([command(choose_key(drive.world, drive.pose))[None, :2] for drive in drives])


@dataclass
class Replay:
    """Actions from the training episodes, whatever is seen.

    Attributes:
        actions: scenario, or None for all, → (T, 2) m/s; after the last of them it stands.
    """

    actions: dict

    def reset(self, drives: list[Drive], instructions: list[str]) -> None:
        """Nothing to do."""

    def act(self, step: int, drives: list[Drive]) -> np.ndarray:
        """Return (n, 1, 2)."""
        stand = np.zeros(2)
        taken = [
            self.actions[drive.world.scenario if drive.world.scenario in self.actions else None] for drive in drives
        ]
        return np.stack([(each[step] if step < len(each) else stand)[None] for each in taken])


class Stand:
    """The previous action once more, which at the start of a drive is to stand: it stands for ever."""

    def reset(self, drives: list[Drive], instructions: list[str]) -> None:
        """Nothing to do."""

    def act(self, step: int, drives: list[Drive]) -> np.ndarray:
        """Return (n, 1, 2) zeros."""
        return np.zeros((len(drives), 1, 2))
