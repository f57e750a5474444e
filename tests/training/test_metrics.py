"""The losses of an epoch add up in float32, whatever precision the run trains in."""

from types import SimpleNamespace

import pytest
import torch

from robovlms_mobile.training.metrics import EpochLosses


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_the_train_loss_of_a_long_epoch_is_its_mean(dtype):
    strategy = SimpleNamespace(reduce=lambda value, reduce_op: value)
    trainer = SimpleNamespace(strategy=strategy, callback_metrics={}, current_epoch=0, global_step=0)
    trainer.accumulate_grad_batches = 1
    losses, loss = EpochLosses(), torch.tensor(0.75, dtype=dtype)  # exact in all three
    losses.on_train_epoch_start(trainer, None)
    for index in range(5000):
        losses.on_train_batch_end(trainer, None, {"loss": loss}, None, index)
    losses.on_train_epoch_end(trainer, None)
    assert losses.history[0]["train_loss"] == pytest.approx(0.75)
