"""The names a dataset block may use, and the check for those it may not. Nothing heavy."""

import difflib

from robovlms_mobile.errors import ConfigError

MOBILE_DATASET = "MobileVLAH5Dataset"
BLOCK_KEYS = (
    "type",
    "data_dir",
    "episode_pattern",
    "train_split",
    "is_validation",
    "windows",
    "shift_first",
    "split",
    "balance",
    "mirror",
    "color_jitter",
    "random_crop",
    "rgb_pad",
    "color_order",
    "real_dims",
    "instruction",
    "on_bad_episode",
    "model_name",
    "sampler",
)
SPLITS = ("stratified", "sorted")
BALANCES = (None, "direction")
WINDOW_MODES = ("full", "padded")
COLOR_ORDERS = ("rgb", "bgr")
ON_BAD_EPISODE = ("stop", "skip")
ACTION_DIMS = ("linear_x", "linear_y", "angular_z")  # the columns of a file's `actions`, in that order


def unknown_keys(given, known):
    """Return [(name, closest known name or None)] for the names in `given` that `known` lacks, in order."""
    return [(name, closest(name, known)) for name in given if name not in known]


def closest(name, known):
    """Return the known name most like `name`, or None when none is close."""
    matches = difflib.get_close_matches(str(name), [str(one) for one in known], n=1, cutoff=0.6)
    return matches[0] if matches else None


def check_keys(given, known, where):
    """Raise ConfigError that lists the names in `given` that `known` lacks, each with the closest known one.

    Args:
        given: the names to check.
        known: the names that exist.
        where: what the names belong to, in the user's words, e.g. `train_dataset`.
    """
    unknown = unknown_keys(given, known)
    if not unknown:
        return
    listed = "; ".join(f"'{name}'" + (f" (did you mean '{near}'?)" if near else "") for name, near in unknown)
    plural = "s" if len(unknown) > 1 else ""
    raise ConfigError(f"{where}: unknown key{plural} {listed}. Known: {', '.join(known)}.")
