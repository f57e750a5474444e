"""What a policy has to beat: predictions from the training episodes alone, without looking. Pure arrays."""

from collections import Counter, defaultdict

import numpy as np

NAMES = ("mean_action", "majority_action", "majority_by_frame", "majority_by_frame_and_scenario", "previous_action")


class Baselines:
    """The five baselines, learned from training episodes.

    Args:
        actions: list of (T, D) arrays, m/s and rad/s.
        scenarios: the scenario of each.
    """

    def __init__(self, actions: list, scenarios: list):
        every = np.concatenate(actions)
        self._mean, self._most = every.mean(0), _most_frequent(every)
        self._by_frame = _by_frame(actions)
        groups = defaultdict(list)
        for each, scenario in zip(actions, scenarios, strict=True):
            groups[scenario].append(each)
        self._by_scenario = {scenario: _by_frame(each) for scenario, each in groups.items()}

    def predict(self, name: str, actions: np.ndarray, scenario: str, chunk: int) -> np.ndarray:
        """Return (T, chunk, D): what a baseline predicts at each frame of an episode, m/s and rad/s.

        Args:
            name: one of NAMES.
            actions: (T, D) that were recorded; previous_action alone looks at them, at those before each frame.
            scenario: of the episode.
            chunk: how many actions it predicts.
        """
        frames = len(actions)
        if name == "previous_action":  # at the start there is none: it stands
            before = np.concatenate([np.zeros_like(actions[:1]), actions[:-1]])
            return np.repeat(before[:, None], chunk, axis=1)
        ahead = np.arange(frames)[:, None] + np.arange(chunk)
        return self.sequence(name, scenario, frames + chunk)[ahead]

    def sequence(self, name: str, scenario: str, frames: int) -> np.ndarray:
        """Return (frames, D): what a baseline but previous_action says at each frame of any episode."""
        if name == "mean_action":
            return np.tile(self._mean, (frames, 1))
        if name == "majority_action":
            return np.tile(self._most, (frames, 1))
        by_frame = self._by_frame
        if name == "majority_by_frame_and_scenario":
            by_frame = self._by_scenario.get(scenario, by_frame)
        return by_frame[np.minimum(np.arange(frames), len(by_frame) - 1)]


def _by_frame(actions):
    longest = max(map(len, actions))
    return np.stack(
        [_most_frequent([each[frame] for each in actions if len(each) > frame]) for frame in range(longest)]
    )


def _most_frequent(actions):
    counts = Counter(tuple(np.round(each, 4).tolist()) for each in actions)
    return np.array(max(counts, key=lambda each: (counts[each], each)))
