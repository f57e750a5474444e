"""What `mobile.frames.features` is refused for: it keeps what a frozen vision tower of Kosmos-2 makes of a frame."""

import json
from collections.abc import Iterator

from robovlms_mobile.config.access import section
from robovlms_mobile.data.names import MOBILE_DATASET
from robovlms_mobile.options import all_frozen, blocks, lora_targets

WHERE = "mobile.frames.features"
OFF = 'set it to "off", or leave it out'


def refused(config: dict) -> Iterator[tuple[str, str, str]]:
    """Yield (where, what, fix) for a value that it does not have, other base models, and trained vision."""
    told = config["mobile"]["frames"]["features"]
    if told not in ("auto", "off"):
        yield WHERE, f'is {json.dumps(told)}, expected "auto" or "off"', OFF
    if told != "auto":
        return
    if config.get("robovlm_name") != "RoboKosMos" or not all(map(_ours, blocks(config))):
        yield WHERE, 'is "auto", which is for RoboKosMos on MobileVLAH5Dataset, in training and validation', OFF
    if not all_frozen(section(config, "train_setup")) or lora_targets(config) == "all":
        yield WHERE, 'is "auto", and something of the base model\'s vision is trained, which changes its features', OFF


def _ours(named):
    _, block, _ = named
    return isinstance(block, dict) and block.get("type") == MOBILE_DATASET
