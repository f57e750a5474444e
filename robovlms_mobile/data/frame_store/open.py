"""Have a data folder's frame store ready before training: built by one process, waited for by the others."""

from pathlib import Path

from robovlms_mobile.data.block import Block
from robovlms_mobile.data.frame_store.store import FrameStore, open_store
from robovlms_mobile.data.images import ImageTransform
from robovlms_mobile.errors import ConfigError


def wants_store(mobile: dict) -> bool:
    """True unless the config says `"mobile": {"frames": {"store": "off"}}`.

    Raises:
        ConfigError: another value.
    """
    mode = (mobile.get("frames") or {}).get("store", "auto")
    if mode not in ("auto", "off"):
        raise ConfigError(f"mobile.frames.store is {mode!r}, expected one of ['auto', 'off'].")
    return mode == "auto"


def frames_folder(mobile: dict) -> str | None:
    """Return `mobile.frames.dir`, or None."""
    return (mobile.get("frames") or {}).get("dir")


def ready_store(block: Block, paths: list[Path], transform: ImageTransform) -> FrameStore:
    """Return the frame store of a dataset block, built as far as the files and the disk allow.

    Args:
        block: a `Block`.
        paths: every episode file of the block.
        transform: the run's `ImageTransform`: its size and options.
    """
    store = open_store(block.data_dir, transform.size, block.color_order or "rgb", frames_folder(transform.options))
    if not all(map(store.has, paths)):
        from robovlms_mobile.data.frame_store.build import build_or_warn, progress_bar

        with progress_bar() as progress:
            build_or_warn(store, paths, progress)
    return store
