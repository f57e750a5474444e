"""What MobileKeyDecoder cannot drive: its keys are the low end, middle and high end of the range, on two dims."""

from collections.abc import Iterator

from robovlms_mobile.options import mobile_blocks

DIMS = 2


def refused(config: dict) -> Iterator[tuple[str, str, str]]:
    """Yield (where, what, fix) for other real dims, and for a range whose middle is not to stop."""
    dims = [block["real_dims"] for block in mobile_blocks(config) if isinstance(block.get("real_dims"), list)]
    others = [each for each in dims if len(each) != DIMS]
    if others:
        what = f'is "MobileKeyDecoder", whose nine keys move two dims, and real_dims is {others[0]}'
        yield "act_head.type", what, 'set real_dims to ["linear_x", "linear_y"], or take MobileLSTMDecoder'
    low, high = config.get("norm_min", -1), config.get("norm_max", 1)
    if config.get("norm_action") and isinstance(low, int | float) and isinstance(high, int | float) and low != -high:
        what = f"are {low} and {high}, and to stop is the middle between them, which for MobileKeyDecoder must be 0"
        yield "norm_min, norm_max", what, "set them to minus and plus the speed of a key, e.g. -1.15 and 1.15"
