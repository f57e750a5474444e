"""What is said where MobileKeyDecoder is to learn actions that are none of its nine keys."""

from robovlms_mobile.errors import ConfigError


def refused(distance: float) -> ConfigError:
    """Return the error. distance: from the actions to the nearest key in the mean, in a key's speed."""
    return ConfigError(
        f"act_head.type is MobileKeyDecoder, and the recorded actions are not the nine keys: after normalisation they "
        f"are {distance:.2f} away from -1, 0 and 1 in the mean. The robot would drive at another speed than shown.",
        'Set "norm_action": true, and norm_min and norm_max to minus and plus the speed of a key; for actions of many '
        "speeds take MobileLSTMDecoder.",
    )
