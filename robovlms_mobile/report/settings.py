"""What of a training config the report needs, with the documented defaults where there is none."""

from dataclasses import dataclass, field
from pathlib import Path

from robovlms_mobile.data.block import AUGMENT_KEYS, Block, parse_block
from robovlms_mobile.options import mobile_blocks

TAKING = ("rate", "leave_out", "scenario_from", "recorded_dims", "real_dims", "shift_first")  # see `data.taken`


@dataclass(frozen=True)
class Settings:
    """How episodes are cut, split and read; see configs/README.md for each.

    Attributes:
        augmentation: the block's options of `data.augment.augmentation.Augmentation`; None without a config.
        frames_dir: where frame stores are kept, `mobile.frames.dir`.
        taking: the block's keys that say how episodes are taken; without a config they are taken as they are.
    """

    pattern: str | list = Block.episode_pattern
    train_split: float = Block.train_split
    split: str = Block.split
    windows: str = Block.windows
    shift_first: bool = Block.shift_first
    color_order: str | None = Block.color_order
    real_dims: tuple = Block.real_dims
    window_size: int = 4
    chunk_size: int = 10
    image_size: int = 224
    augmentation: dict | None = None
    frames_dir: str | None = None
    instruction: str | dict | None = None
    one_sided: bool = False
    taking: dict = field(default_factory=dict)

    def block(self, data_dir: str | Path) -> Block:
        """Return the `Block` of a run on the episodes in `data_dir`, as far as the report asks it."""
        return Block(
            str(data_dir),
            self.pattern,
            self.train_split,
            split=self.split,
            color_order=self.color_order,
            instruction=self.instruction,
            one_sided=self.one_sided,
            **self.taking,
        )


def settings_of(config: dict | None) -> Settings:
    """Return the `Settings` of a config dict; those of its training block. Defaults for {} or None.

    Raises:
        ConfigError: the block has unknown keys or values.
    """
    config = config or {}
    given = next(iter(mobile_blocks(config)), {})
    block = parse_block({"data_dir": ".", **given})
    frames = (config.get("mobile") or {}).get("frames") or {}
    return Settings(
        pattern=block.episode_pattern,
        train_split=block.train_split,
        split=block.split,
        windows=block.windows,
        shift_first=block.shift_first,
        color_order=block.color_order,
        real_dims=tuple(block.real_dims),
        window_size=config.get("window_size", Settings.window_size),
        chunk_size=config.get("fwd_pred_next_n", Settings.chunk_size),
        image_size=config.get("image_size", Settings.image_size),
        augmentation={name: getattr(block, name) for name in AUGMENT_KEYS} if given else None,
        frames_dir=frames.get("dir"),
        instruction=block.instruction,
        one_sided=block.one_sided,
        taking={name: getattr(block, name) for name in TAKING if name in given},
    )
