"""The batch whose step is counted, in shapes alone: windows apart, or those of the longest episode together."""

import torch

from robovlms_mobile.data.windows import make_window, window_starts
from robovlms_mobile.errors import MobileError

FRAMES = 18  # of the longest episode, where the episodes are not here: the lab's


def counted_windows(configs: dict) -> tuple[int, int]:
    """Return (windows of a training batch, frames of it that go through the model)."""
    block, window = configs["train_dataset"], configs["window_size"]
    if (batch := block.get("batch", "window")) == "window":
        return configs["batch_size"], configs["batch_size"] * window
    length, sizes, shift = _longest(block), (window, configs["fwd_pred_next_n"]), int(block.get("shift_first", False))
    windows = max(1, len(window_starts(length, *sizes, block.get("windows", "padded"), shift)))
    if batch != "episode":
        windows = -(-windows // -(-windows // batch))  # of runs of about equal length the longest
    return windows, int(make_window(windows - 1, length, *sizes, shift).frames[-1]) + 1


def counted_batch(configs: dict, text: int) -> dict:
    """Return what upstream's trainer hands to its model: uint8 frames, tokens, labels and their mask, all empty.

    Args:
        configs: as `load_config` gives it.
        text: tokens of an instruction.
    """
    size, window, chunk = configs["image_size"], configs["window_size"], configs["fwd_pred_next_n"]
    windows, frames = counted_windows(configs)
    apart = configs["train_dataset"].get("batch", "window") == "window"
    samples, shown = (windows, window) if apart else (frames, 1)
    return {
        "vision_x": torch.zeros(samples, shown, 3, size, size, dtype=torch.uint8),
        "lang_x": torch.zeros(samples, text, dtype=torch.long),
        "attention_mask": torch.ones(samples, text, dtype=torch.bool),
        "action_labels": (torch.zeros(windows, window, chunk, 6), torch.zeros(windows, window, chunk)),
        "action_mask": torch.ones(windows, window, chunk, dtype=torch.bool),
    }


def _longest(block):
    from robovlms_mobile.data.block import BLOCK_KEYS, parse_block
    from robovlms_mobile.data.episodes import find_episodes, load_episodes
    from robovlms_mobile.data.hdf5.episode_file import read_episode

    parsed = parse_block({key: value for key, value in block.items() if key in BLOCK_KEYS})
    try:
        paths = find_episodes(parsed.data_dir, parsed.episode_pattern)
        episodes = parsed.take(load_episodes(paths, "skip", read_episode))
    except MobileError:  # they are not here, or the run itself says what is wrong with them
        return FRAMES
    return max((each.length for each in episodes), default=FRAMES)
