"""The dataset block of a config: every key with what it takes and means, apart from what upstream adds to it.

The one place that knows: lint, the dataset and the list of known keys go by `Block` and RULES.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING

from robovlms_mobile.data.names import ACTION_DIMS, Rules, check_keys, check_values, whole
from robovlms_mobile.errors import ConfigError

if TYPE_CHECKING:
    from robovlms_mobile.data.actions import ActionSpace
    from robovlms_mobile.data.episodes import Episode

# fmt: off
UPSTREAM_KEYS = (
    "act_step", "discrete", "discrete_action", "discrete_action_history", "fwd_pred_next_n", "image_fn", "image_size",
    "is_training", "max_action", "min_action", "model_name", "mu_val", "n_bin", "norm_action", "norm_max", "norm_min",
    "regular_action", "seed", "tcp_rel", "tokenizer", "tokenizer_config", "use_mu_law", "weights", "window_size",
    "x_mean", "x_std",
)
# fmt: on
JITTER = {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.5}  # name → largest strength


@dataclass(frozen=True)
class Block:
    """What a config's `train_dataset` or `val_dataset` says about episodes.

    Attributes:
        data_dir: folder of the episode files.
        episode_pattern: which files of it.
        train_split: share of the episodes that is trained on.
        is_validation: the block's role, which upstream says as well.
        windows: "padded": every frame starts a window, what lies past the end masked; "full": only whole windows.
        shift_first: pair every frame, not the first alone, with the action after its own.
        split: how episodes are divided.
        balance: repeat windows with rare directions.
        mirror: probability of a mirrored window.
        color_jitter: strength of changed colours.
        random_crop: smallest part of a side that is kept.
        rgb_pad: pixels of a random shift.
        color_order: order of the recorded colours, where files do not say theirs; None: not said, see `data.colours`.
        real_dims: the action dims the robot has.
        instruction: what the policy is told, in place of what was recorded.
        on_bad_episode: what a file that cannot be used does.
        rate: frames a second to bring every episode to; None takes them as recorded.
        leave_out: events whose frames are left out.
        scenario_from: which attributes tell scenario, pattern, distance and session, where the name does not.
        recorded_dims: the columns of the recorded actions, where a file does not name them.
        one_sided: episodes of nearly one side, or one action, are meant.
        batch: "window", "episode" (all windows of one together), or so many of them at most; see `data.whole_episodes`.

    Raises:
        ConfigError: values that do not fit, all of them.
    """

    data_dir: str
    episode_pattern: str | list = "episode_*.h5"
    train_split: float = 0.8
    is_validation: bool | None = None
    windows: str = "padded"
    shift_first: bool = False
    split: str = "stratified"
    balance: str | None = None
    mirror: float = 0.0
    color_jitter: float | dict = 0.0
    random_crop: float | list = 1.0
    rgb_pad: int = 0
    color_order: str | None = None
    real_dims: tuple = ("linear_x", "linear_y")
    instruction: str | dict | None = None
    on_bad_episode: str = "stop"
    rate: float | None = None
    leave_out: list | None = None
    scenario_from: dict | None = None
    recorded_dims: list | None = None
    one_sided: bool = False
    batch: str | int = "window"

    def __post_init__(self) -> None:
        check_values(vars(self), RULES, "dataset block")

    def take(self, episodes: list["Episode"], elsewhere: bool = False) -> list["Episode"]:
        """Return episodes as the block wants them, see `data.taken`; most blocks take them as they are.

        Args:
            elsewhere: they are others than the block names: what `leave_out` names need not have happened there.
        """
        changes = self.rate or self.leave_out or self.scenario_from or self.recorded_dims
        odd = (each.shifted or not set(self.real_dims) <= set(each.dims) for each in episodes)
        if not (changes or any(odd)):
            return episodes
        from robovlms_mobile.data.taken import taken

        return taken(episodes, self, elsewhere)


def _text(value):
    return isinstance(value, str) and bool(value)


def _texts(value):
    return isinstance(value, list | tuple) and bool(value) and all(map(_text, value))


def _number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)


def _share(value):
    return _number(value) and 0 <= value <= 1


def _dims(value):
    return _texts(value) and len(set(value)) == len(value) and set(value) <= set(ACTION_DIMS)


def _instruction(value):
    return value is None or _text(value) or (isinstance(value, dict) and _texts(list(value.values())))


def _sources(value):
    known = {"scenario", "pattern", "distance", "session"}
    if not isinstance(value, dict):
        return value is None
    return set(value) <= known and all(_text(each) or _texts(each) for each in value.values())


def _jitter(value):
    if not isinstance(value, dict):
        return _share(value)
    return all(name in JITTER and _share(each) and each <= JITTER[name] for name, each in value.items())


def _crop(value):
    ends = value if isinstance(value, list | tuple) else (value, 1.0)
    return len(ends) == 2 and all(map(_number, ends)) and 0 < ends[0] <= ends[1] <= 1


def _one_of(*choices):
    return choices.__contains__, " or ".join(map(json.dumps, choices))


RULES: Rules = {
    "data_dir": (lambda value: _text(value) or isinstance(value, PathLike), "the folder of the episode files"),
    "episode_pattern": (lambda value: _text(value) or _texts(value), "a file name pattern or a list of them"),
    "train_split": (lambda value: isinstance(value, float) and 0 < value < 1, "the share to train on, between 0 and 1"),
    "is_validation": (lambda value: value is None or isinstance(value, bool), "true or false"),
    "windows": _one_of("padded", "full"),
    "shift_first": (lambda value: isinstance(value, bool), "true or false"),
    "split": _one_of("stratified", "sorted"),
    "balance": _one_of(None, "direction"),
    "mirror": (_share, "a probability from 0 to 1"),
    "color_jitter": (_jitter, "from 0 to 1, or an object of brightness, contrast, saturation (to 1), hue (to 0.5)"),
    "random_crop": (_crop, "the smallest part of a side to keep, e.g. 0.9, or [smallest, largest], above 0 to 1"),
    "rgb_pad": (lambda value: whole(value, 0), "a whole number of pixels, 0 for none"),
    "color_order": _one_of(None, "rgb", "bgr"),
    "real_dims": (_dims, f"a list out of {list(ACTION_DIMS)}, each once"),
    "instruction": (_instruction, "a sentence, or an object scenario → sentence"),
    "on_bad_episode": _one_of("stop", "skip"),
    "rate": (lambda value: value is None or (_number(value) and 0 < value <= 1000), "frames a second, above 0"),
    "leave_out": (lambda value: value is None or _texts(value), 'a list of events, e.g. ["stop_inject"]'),
    "scenario_from": (_sources, "an object of scenario, pattern, distance or session → attribute, or a list of them"),
    "recorded_dims": (lambda value: value is None or _dims(value), f"a list out of {list(ACTION_DIMS)}, each once"),
    "one_sided": (lambda value: isinstance(value, bool), "true or false"),
    "batch": (lambda value: value in ("window", "episode") or whole(value, 2), '"window", "episode" or from 2 on'),
}
AUGMENT_KEYS = ("mirror", "color_jitter", "random_crop", "rgb_pad")
BLOCK_KEYS = ("type", *RULES, "model_name", "sampler")


def parse_block(config: Mapping) -> Block:
    """Take the block's own keys out of what upstream hands to a dataset.

    Raises:
        ConfigError: unknown keys, each with the closest known one; values outside what is documented.
    """
    check_keys(config, (*BLOCK_KEYS, *UPSTREAM_KEYS), "dataset block")
    if "data_dir" not in config:
        raise ConfigError("dataset block: data_dir is missing, expected the folder of the episode files.")
    return Block(**{key: value for key, value in config.items() if key in RULES})


def action_space(config: Mapping, real_dims: Sequence[str]) -> "ActionSpace":
    """Return the `ActionSpace` for the keys `norm_action, norm_min, norm_max`, which stand at a config's top level."""
    from robovlms_mobile.data.actions import ActionSpace  # with numpy

    if not config.get("norm_action", False):
        return ActionSpace(tuple(real_dims))
    return ActionSpace(tuple(real_dims), float(config.get("norm_min", -1)), float(config.get("norm_max", 1)))
