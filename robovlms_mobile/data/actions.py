"""Choose, scale and pad actions. Pure arrays: no files, no upstream."""

from dataclasses import dataclass

import numpy as np

from robovlms_mobile.data.names import ACTION_DIMS
from robovlms_mobile.errors import ConfigError

EDGE = 1e-6  # m/s and rad/s: what a float32 may lie outside its bounds
UPSTREAM_DIM = 7  # six arm dims and a gripper; upstream's loss and heads split there


@dataclass(frozen=True)
class ActionSpace:
    """Which action dims the robot has, and how velocities map to what a head predicts.

    Args:
        real_dims: names out of ACTION_DIMS, in the order a head predicts them; at most six.
        low, high: m/s and rad/s that map to -1 and +1, or None to leave velocities as they are.
    """

    real_dims: tuple[str, ...]
    low: float | None = None
    high: float | None = None

    def __post_init__(self):
        unknown = [dim for dim in self.real_dims if dim not in ACTION_DIMS]
        if unknown or not self.real_dims or len(set(self.real_dims)) != len(self.real_dims):
            raise ConfigError(f"real_dims is {list(self.real_dims)}, expected some of {list(ACTION_DIMS)}, each once.")
        if self.low is not None and not self.low < self.high:
            raise ConfigError(f"norm_min is {self.low} and norm_max {self.high}, expected norm_min < norm_max.")

    @property
    def columns(self) -> list[int]:
        """Columns of a file's `actions` that are trained, list[int]."""
        return [ACTION_DIMS.index(dim) for dim in self.real_dims]

    @property
    def bounds(self) -> tuple[float, float]:
        """(low, high) a velocity keeps its value in; outside, it is clipped. Heads end in tanh: [-1, 1] unscaled."""
        return (-1.0, 1.0) if self.low is None or self.high is None else (self.low, self.high)

    def encode(self, actions: np.ndarray) -> np.ndarray:
        """actions: (T, 3) m/s and rad/s → (T, 7) float32 in [-1, 1], the real dims first, padding exactly 0.

        x ↦ 2 (clip(x, low, high) − low) / (high − low) − 1, as upstream's `normalize_action`; scaled first, padded
        second, so that padding stays 0 for bounds that are not symmetric.
        """
        low, high = self.bounds
        real = np.clip(actions[:, self.columns], low, high)
        scaled = 2 * (real - low) / (high - low) - 1  # (T, len(real_dims))
        padded = np.zeros((len(actions), UPSTREAM_DIM), np.float32)
        padded[:, : len(self.real_dims)] = scaled
        return padded

    def keeps(self, actions: np.ndarray) -> bool:
        """True where training sees all of actions, (T, 3): none is clipped, and no dim moves that is not trained."""
        real = actions[:, self.columns]
        near = np.allclose(np.clip(real, *self.bounds), real, rtol=0, atol=EDGE)
        return near and not np.delete(actions, self.columns, 1).any()

    def targets(self, actions: np.ndarray, shift_first: bool) -> np.ndarray:
        """actions: (T, 3) of an episode → (T', D) float64, the one that training pairs with each frame that has one."""
        return actions[int(shift_first) :, self.columns].astype(float)

    def decode(self, predicted: np.ndarray) -> np.ndarray:
        """predicted: (…, D or more) in [-1, 1], as a head says it → (…, D) float64 m/s and rad/s of the real dims."""
        low, high = self.bounds
        return 0.5 * (np.asarray(predicted, float)[..., : len(self.real_dims)] + 1) * (high - low) + low
