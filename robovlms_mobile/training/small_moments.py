"""AdamW whose two moments take a byte a parameter each, by bitsandbytes. Loaded for "optimizer": "adamw8bit"."""

from unittest.mock import patch

import torch
from lightning.pytorch.callbacks import Callback

from robovlms_mobile.errors import ConfigError, ModelError

NAME = "adamw8bit"
FAULTS = (ImportError, OSError, RuntimeError, AttributeError, NotImplementedError)  # of one made for another torch
WHOLE = 4096  # parameters of a tensor below which bitsandbytes keeps its moments in fp32


class SmallMoments(Callback):
    """Has upstream's trainer make bitsandbytes' AdamW8bit where it makes torch's AdamW.

    Raises (before anything is trained):
        ModelError: bitsandbytes is not installed, or has no such steps for this torch and device.
        ConfigError: this checkout's trainer makes another optimizer.
    """

    def setup(self, trainer, pl_module, stage):
        kind, stock = adamw8bit(trainer.strategy.root_device), pl_module.configure_optimizers

        def configure_optimizers():
            with patch.object(torch.optim, "AdamW", kind):
                return stock()

        pl_module.configure_optimizers = configure_optimizers

    def on_fit_start(self, trainer, pl_module):
        seen = {type(optimizer).__name__ for optimizer in trainer.optimizers}
        if seen != {"AdamW8bit"}:
            what = f'mobile.optimizer is "{NAME}", and this checkout\'s trainer makes {", ".join(sorted(seen))}.'
            raise ConfigError(what, 'Remove "optimizer" from "mobile".')


def adamw8bit(device: torch.device) -> type[torch.optim.Optimizer]:
    """Return bitsandbytes' AdamW8bit, after a step of it on a device.

    Raises:
        ModelError: it is not installed, or cannot take one there.
    """
    try:
        from bitsandbytes.optim import AdamW8bit

        tried = torch.nn.Parameter(torch.ones(WHOLE, device=device))
        tried.grad = torch.ones_like(tried)
        AdamW8bit([tried]).step()
    except FAULTS as error:
        what = f'mobile.optimizer "{NAME}" needs bitsandbytes, which does not work here ({error}).'
        fix = "pip install 'robovlms-mobile[bitsandbytes]', which wants torch 2.4 or newer, or remove the option."
        raise ModelError(what, fix) from error
    return AdamW8bit
