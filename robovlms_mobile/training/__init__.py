"""What the plugin adds to a training run: Lightning callbacks, one idea a file."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lightning.pytorch import Callback


def callbacks() -> "list[Callback]":
    """Return the callbacks for a Trainer of upstream's: one that looks at the config and brings in the others."""
    from robovlms_mobile.training.run import MobileRun

    return [MobileRun()]
