"""Which values the augmentation keys of a dataset block take. Nothing heavy."""

from typing import Any

JITTER = {"brightness": 1.0, "contrast": 1.0, "saturation": 1.0, "hue": 0.5}  # name → largest strength


def is_share(value: Any) -> bool:
    """True for a probability: a number from 0 to 1."""
    return _number(value) and 0 <= value <= 1


def is_jitter(value: Any) -> bool:
    """True for a strength from 0 to 1, or an object with strengths for some of JITTER's names."""
    if not isinstance(value, dict):
        return is_share(value)
    return all(name in JITTER and is_share(each) and each <= JITTER[name] for name, each in value.items())


def is_crop(value: Any) -> bool:
    """True for the smallest part of a side that may be kept, or [smallest, largest], each above 0 and at most 1."""
    ends = value if isinstance(value, list | tuple) else (value, 1.0)
    return len(ends) == 2 and all(map(_number, ends)) and 0 < ends[0] <= ends[1] <= 1


def is_pixels(value: Any) -> bool:
    """True for a whole number of pixels, 0 or more."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)


AUGMENT_VALUES = {  # key → (whether a value fits, what fits in words)
    "mirror": (is_share, "a probability from 0 to 1"),
    "color_jitter": (
        is_jitter,
        "a strength from 0 to 1, or an object of brightness, contrast, saturation (to 1), hue (to 0.5)",
    ),
    "random_crop": (is_crop, "the smallest part of a side to keep, e.g. 0.9, or [smallest, largest], above 0 to 1"),
    "rgb_pad": (is_pixels, "a whole number of pixels, 0 for none"),
}
