"""The dataset block of a config, checked, apart from what upstream's data module adds to it."""

from dataclasses import dataclass, fields

from robovlms_mobile.data.augment.values import AUGMENT_VALUES
from robovlms_mobile.data.names import (
    BALANCES,
    BLOCK_KEYS,
    COLOR_ORDERS,
    ON_BAD_EPISODE,
    SPLITS,
    WINDOW_MODES,
    check_keys,
)
from robovlms_mobile.errors import ConfigError

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
class Block:
    """What a config's `train_dataset` or `val_dataset` says about episodes; defaults as documented there."""

    data_dir: str
    episode_pattern: str | list = "episode_*.h5"
    train_split: float = 0.8
    is_validation: bool | None = None
    windows: str = "padded"
    shift_first: bool = False  # not the first alone: every frame is paired with the action after its own
    split: str = "stratified"
    balance: str | None = None
    mirror: float = 0.0
    color_jitter: float | dict = 0.0
    random_crop: float | list = 1.0
    rgb_pad: int = 0
    color_order: str = "rgb"
    real_dims: tuple = ("linear_x", "linear_y")
    instruction: str | dict | None = None
    on_bad_episode: str = "stop"

    def __post_init__(self):
        choices = {
            "split": SPLITS,
            "balance": BALANCES,
            "windows": WINDOW_MODES,
            "color_order": COLOR_ORDERS,
            "on_bad_episode": ON_BAD_EPISODE,
        }
        wrong = [
            f"{name} is {getattr(self, name)!r}, expected one of {list(known)}"
            for name, known in choices.items()
            if getattr(self, name) not in known
        ]
        if not 0 < self.train_split < 1:
            wrong.append(f"train_split is {self.train_split!r}, expected a fraction between 0 and 1")
        for name, (fits, what) in AUGMENT_VALUES.items():
            if not fits(getattr(self, name)):
                wrong.append(f"{name} is {getattr(self, name)!r}, expected {what}")
        if wrong:
            raise ConfigError("dataset block: " + "; ".join(wrong) + ".")


def parse_block(config):
    """Take the block's own keys out of what upstream hands to a dataset.

    Raises:
        ConfigError: unknown keys, each with the closest known one; values outside what is documented.
    """
    check_keys(config, (*BLOCK_KEYS, *UPSTREAM_KEYS), "dataset block")
    own = {field.name for field in fields(Block)}
    if "data_dir" not in config:
        raise ConfigError("dataset block: data_dir is missing, expected the folder of the episode files.")
    return Block(**{key: value for key, value in config.items() if key in own})


def action_space(config, real_dims):
    """Return the `ActionSpace` for the keys `norm_action, norm_min, norm_max`, which stand at a config's top level."""
    from robovlms_mobile.data.actions import ActionSpace  # with numpy

    if not config.get("norm_action", False):
        return ActionSpace(tuple(real_dims))
    return ActionSpace(tuple(real_dims), float(config.get("norm_min", -1)), float(config.get("norm_max", 1)))
