"""What to say of episodes that do not fit their block: too short, clipped, moving in a dim that is not trained.

Loaded when there are any.
"""

import warnings
from collections.abc import Sequence

import numpy as np

from robovlms_mobile.data.actions import EDGE, ActionSpace
from robovlms_mobile.data.block import Block
from robovlms_mobile.data.episodes import Episode
from robovlms_mobile.data.names import ACTION_DIMS
from robovlms_mobile.errors import DataError


def too_short(short: Sequence[Episode], of: int, block: Block, window: int, chunk: int) -> None:
    """Warn of episodes that have no window; raise DataError where none `of` so many has one.

    Args:
        window, chunk: window_size and fwd_pred_next_n.
    """
    listed = ", ".join(f"{each.name} ({each.length})" for each in short)
    need = window + chunk if block.windows == "full" else 1 + int(block.shift_first)
    if len(short) == of:
        raise DataError(
            f"None of the {of} episodes has the {need} frames that window_size {window} and fwd_pred_next_n {chunk} "
            f"need: {listed}.",
            'Lower them, or set "windows": "padded" in the dataset block.',
        )
    warnings.warn(f"{len(short)} episodes are shorter than {need} frames and left out: {listed}.", stacklevel=2)


def not_as_recorded(episodes: Sequence[Episode], space: ActionSpace) -> None:
    """Warn of actions that training sees clipped, and of dims that move and are not trained."""
    low, high = space.bounds
    beyond = [value for each in episodes if (value := out_of_bounds(each.actions, space))]
    if beyond:
        warnings.warn(
            f"Actions reach ±{max(beyond):g} in {len(beyond)} of {len(episodes)} episodes, but are clipped "
            f"to {low:g} … {high:g}: the robot would learn slower motion than was recorded. Set at the top of "
            f'the config: "norm_action": true, "norm_min": {-max(beyond):g}, "norm_max": {max(beyond):g}.',
            stacklevel=2,
        )
    if dropped := sorted({dim for each in episodes for dim in dropped_dims(each.actions, space)}):
        what = f"{', '.join(dropped)} is used in the episodes but not in real_dims, so not trained."
        warnings.warn(what, stacklevel=2)


def out_of_bounds(actions: np.ndarray, space: ActionSpace) -> float | None:
    """Return the largest |velocity| of a real dim outside the bounds, or None. actions: (T, 3)."""
    real = actions[:, space.columns]
    low, high = space.bounds
    outside = real[(real < low - EDGE) | (real > high + EDGE)]
    return float(np.abs(outside).max()) if outside.size else None


def dropped_dims(actions: np.ndarray, space: ActionSpace) -> list[str]:
    """Return the names of dims that are not trained though some action uses them. actions: (T, 3)."""
    used = np.flatnonzero(np.any(actions != 0, axis=0))
    return [ACTION_DIMS[column] for column in used if column not in space.columns]
