"""The loss of one batch that travels with a checkpoint: a resumed run that gets another one is another run."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer


def portable(batch: Any) -> dict | None:
    """Return a batch as a checkpoint can hold it, tensors on the CPU; None for one that is no dict."""
    if not isinstance(batch, dict):
        return None
    return {
        key: value.detach().cpu().clone() if isinstance(value, torch.Tensor) else value for key, value in batch.items()
    }


def measure(trainer: Trainer, module: LightningModule, batch: dict) -> dict:
    """Return what the module's own training step makes of `batch` now, as {"loss", "device", "precision"}.

    Nothing changes: no gradient, no dropout, nothing logged.
    """
    with undisturbed(module), torch.no_grad(), trainer.strategy.precision_plugin.train_step_context():
        loss = module.training_step(trainer.strategy.batch_to_device(dict(batch)), 0)
    device = trainer.strategy.root_device.type
    return {"loss": float(loss), "device": device, "precision": str(trainer.precision)}


@contextmanager
def undisturbed(module: LightningModule) -> Iterator[None]:
    """Put a module into evaluation mode, logging nothing, and back as it was."""
    modes = [(each, each.training) for each in module.modules()]
    log, module.log = module.log, lambda *args, **kwargs: None
    try:
        module.eval()
        yield
    finally:
        module.log = log
        for each, training in modes:
            each.training = training
