"""How evenly episodes are spread over sides and actions; what a run refuses of it. Loaded when episodes are divided."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from robovlms_mobile.data.directions import STILL
from robovlms_mobile.data.episodes import Episode
from robovlms_mobile.data.names import ACTION_DIMS
from robovlms_mobile.errors import DataError

FEW = 12  # episodes below which an uneven spread is chance
LEFT, RIGHT = 1, -1
WORDS = {"left": LEFT, "right": RIGHT}


@dataclass(frozen=True)
class Kind:
    """What is counted. Attributes: what, in words; warned and refused: shares from which it is."""

    what: str
    warned: float
    refused: float


EPISODES = Kind("episodes pass on the", 0.8, 0.95)
ASIDE = Kind("actions aside or turning go", 0.9, 0.98)
ACTIONS = Kind("actions are", 0.8, 0.98)
MANY = 20  # episodes from which a run refuses


@dataclass(frozen=True)
class Uneven:
    """One thing that is far more frequent than others.

    Attributes:
        kind: what is counted.
        name: of the frequent one.
        count, of: how many are that, of how many.
        refused: whether a run refuses it.
    """

    kind: Kind
    name: str
    count: int
    of: int
    refused: bool

    def __str__(self) -> str:
        return f"{self.count} of {self.of} {self.kind.what} {self.name} ({self.count / self.of:.0%})"


def signs(actions: np.ndarray) -> np.ndarray:
    """actions: (T, 3) m/s, m/s, rad/s → (T, 3) int of -1, 0, 1; what is below STILL is 0."""
    return np.where(np.abs(actions) < STILL, 0, np.sign(actions)).astype(int)


def aside(actions: np.ndarray) -> np.ndarray:
    """actions: (T, 3) → (T,) int: 1 where the robot goes or turns left, -1 right, 0 neither or both."""
    _, across, turning = signs(actions).T
    return np.where(across * turning < 0, 0, np.sign(across + turning))


def side_of(episode: Episode) -> int:
    """Return the side on which an episode passes: by its scenario, else by its first move aside; 0: neither."""
    named = [WORDS[word] for word in (episode.scenario or "").split("_") if word in WORDS]
    moves = aside(episode.actions)
    return (named or [*moves[moves != 0].tolist(), 0])[0]


def uneven(episodes: Sequence[Episode]) -> list[Uneven]:
    """Return what is far more frequent than the rest, the worst first; nothing of fewer than FEW episodes."""
    if len(episodes) < FEW:
        return []
    word = {number: name for name, number in WORDS.items()}
    every = np.concatenate([episode.actions for episode in episodes])
    counted = (
        (EPISODES, [word[side] for side in map(side_of, episodes) if side]),
        (ASIDE, [word[side] for side in aside(every).tolist() if side]),
        (ACTIONS, [_spoken(each) for each in signs(every).tolist()]),
    )
    found = [_uneven(kind, Counter(names), len(episodes)) for kind, names in counted if len(names) >= FEW]
    return sorted(filter(None, found), key=lambda each: not each.refused)


def refuse_one_side(episodes: Sequence[Episode]) -> None:
    """Raise DataError where nearly all episodes pass on one side, or nearly all actions are one."""
    if found := [str(each) for each in uneven(episodes) if each.refused]:
        raise DataError(
            f"Of what episode_pattern matches {'; '.join(found)}: a policy that does nothing else looks good.",
            'Look whether the pattern takes what it should; or say that it is meant: "one_sided": true in both dataset '
            "blocks.",
        )


def _uneven(kind, counts, episodes):
    (name, count), of = counts.most_common(1)[0], counts.total()
    if count < kind.warned * of:
        return None
    return Uneven(kind, name, count, of, episodes >= MANY and count >= kind.refused * of)


def _spoken(triple):
    """(1, 0, -1) → `linear_x +, angular_z −`."""
    moving = [f"{dim} {'+' if sign > 0 else '−'}" for dim, sign in zip(ACTION_DIMS, triple, strict=True) if sign]
    return ", ".join(moving) or "a stop"
