"""The dataset block of a config: every key with what it takes and means, apart from what upstream adds to it.

The one place that knows: lint, the dataset and the list of known keys go by `Block`'s fields.
"""
# ruff: noqa: RUF009 - what makes a field is called, as `field` itself

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from os import PathLike
from typing import TYPE_CHECKING, Any

from robovlms_mobile.data.augment.values import AUGMENT_VALUES
from robovlms_mobile.data.names import ACTION_DIMS, check_keys
from robovlms_mobile.errors import ConfigError

if TYPE_CHECKING:
    from robovlms_mobile.data.actions import ActionSpace

UPSTREAM_KEYS = (
    "act_step",
    "discrete",
    "discrete_action",
    "discrete_action_history",
    "fwd_pred_next_n",
    "image_fn",
    "image_size",
    "is_training",
    "max_action",
    "min_action",
    "model_name",
    "mu_val",
    "n_bin",
    "norm_action",
    "norm_max",
    "norm_min",
    "regular_action",
    "seed",
    "tcp_rel",
    "tokenizer",
    "tokenizer_config",
    "use_mu_law",
    "weights",
    "window_size",
    "x_mean",
    "x_std",
)


@dataclass(frozen=True)
class Rule:
    """What a key takes: whether a value fits, what fits in words, and what the key means in one line."""

    fits: Callable[[Any], bool]
    expected: str
    about: str


def _text(value):
    return isinstance(value, str) and bool(value)


def _texts(value):
    return isinstance(value, list | tuple) and bool(value) and all(map(_text, value))


def _dims(value):
    return _texts(value) and len(set(value)) == len(value) and set(value) <= set(ACTION_DIMS)


def _instruction(value):
    return value is None or _text(value) or (isinstance(value, dict) and _texts(list(value.values())))


def _switch(value):
    return isinstance(value, bool)


def _key(about, fits, expected, **default):
    return field(metadata={"rule": Rule(fits, expected, about)}, **default)


def _choice(about, *choices):
    """One of some values, the first by default."""
    return _key(about, choices.__contains__, " or ".join(map(json.dumps, choices)), default=choices[0])


def _augment(name, default, about):
    return _key(about, *AUGMENT_VALUES[name], default=default)


@dataclass(frozen=True)
class Block:
    """What a config's `train_dataset` or `val_dataset` says about episodes.

    Raises:
        ConfigError: values that do not fit, all of them.
    """

    data_dir: str = _key(
        "folder of the episode files",
        lambda value: _text(value) or isinstance(value, PathLike),
        "the folder of the episode files",
    )
    episode_pattern: str | list = _key(
        "which files of it",
        lambda value: _text(value) or _texts(value),
        "a file name pattern or a list of them",
        default="episode_*.h5",
    )
    train_split: float = _key(
        "share of the episodes that is trained on",
        lambda value: isinstance(value, float) and 0 < value < 1,
        "the share of episodes to train on, between 0 and 1",
        default=0.8,
    )
    is_validation: bool | None = _key(
        "the block's role, which upstream says as well",
        lambda value: value is None or _switch(value),
        "true or false",
        default=None,
    )
    windows: str = _choice(
        "every frame starts a window, what lies past the end masked; or only windows that are whole", "padded", "full"
    )
    shift_first: bool = _key(
        "pair every frame, not the first alone, with the action after its own", _switch, "true or false", default=False
    )
    split: str = _choice("how episodes are divided", "stratified", "sorted")
    balance: str | None = _choice("repeat windows with rare directions", None, "direction")
    mirror: float = _augment("mirror", 0.0, "probability of a mirrored window")
    color_jitter: float | dict = _augment("color_jitter", 0.0, "strength of changed colours")
    random_crop: float | list = _augment("random_crop", 1.0, "smallest part of a side that is kept")
    rgb_pad: int = _augment("rgb_pad", 0, "pixels of a random shift")
    color_order: str = _choice("order of the recorded colours", "rgb", "bgr")
    real_dims: tuple = _key(
        "the action dims the robot has",
        _dims,
        f"a list out of {list(ACTION_DIMS)}, each once",
        default=("linear_x", "linear_y"),
    )
    instruction: str | dict | None = _key(
        "what the policy is told, in place of what was recorded",
        _instruction,
        "a sentence, or an object scenario → sentence",
        default=None,
    )
    on_bad_episode: str = _choice("what a file that cannot be used does", "stop", "skip")

    def __post_init__(self) -> None:
        wrong = [f"{name} is {getattr(self, name)!r}, expected {rule}" for name, rule in wrong_values(vars(self))]
        if wrong:
            raise ConfigError("dataset block: " + "; ".join(wrong) + ".")


RULES: dict[str, Rule] = {each.name: each.metadata["rule"] for each in fields(Block)}
BLOCK_KEYS = ("type", *RULES, "model_name", "sampler")


def wrong_values(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (key, what is expected) for each value of a dataset block that does not fit."""
    for name, rule in RULES.items():
        if name in given and not rule.fits(given[name]):
            yield name, rule.expected


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
