"""Dataset blocks that say nothing of their colours get the answer before anything is built. Loaded where one does."""

from robovlms_mobile.data.block import RULES, parse_block
from robovlms_mobile.data.colours.unsaid import settled
from robovlms_mobile.data.frame_store.open import frames_folder
from robovlms_mobile.options import mobile_blocks


def say_colours(configs: dict) -> None:
    """Write `color_order` into the MobileVLAH5Dataset blocks that have none: a run's record and contract then say it.

    Raises:
        ConfigError: as `data.colours.unsaid.settled`. DataError: there are no episodes.
    """
    known: dict[str, str | None] = {}  # training and validation are mostly of the same files
    for config in mobile_blocks(configs):
        if config.get("color_order") is None:
            block = parse_block({key: config[key] for key in RULES if key in config})
            files = f"{block.data_dir} {block.episode_pattern}"
            if files not in known:
                known[files] = settled(block, frames_folder(configs.get("mobile") or {})).color_order
            config["color_order"] = known[files]
