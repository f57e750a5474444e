"""Train and validation loss of every epoch, and whatever else is logged, kept across resumes."""

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback


class EpochLosses(Callback):
    """Collects one row an epoch.

    Attributes:
        history: list of {"epoch", "step", "train_loss", "val_loss", "logged"}; val_loss is None in an epoch without
            validation. train_loss is the mean over the epoch's batches and all ranks, as trained (dropout on, weights
            moving). logged has every other metric by its name.
    """

    def __init__(self):
        self.history = []
        self._total = self._batches = 0
        self._validated = False

    def on_train_epoch_start(self, trainer, pl_module):
        self._total = self._batches = 0
        self._validated = False

    def on_validation_epoch_end(self, trainer, pl_module):
        self._validated = not trainer.sanity_checking

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        loss = outputs["loss"].detach().float()  # a sum of hundreds in bfloat16 stands still
        self._total = self._total + loss * trainer.accumulate_grad_batches  # Lightning divides by it
        self._batches += 1

    def share(self, trainer: Trainer) -> None:
        """Take the mean of all ranks' sums: a checkpoint holds those of one rank."""
        self._total = trainer.strategy.reduce(self._total, reduce_op="mean")

    def on_train_epoch_end(self, trainer, pl_module):
        mean = trainer.strategy.reduce(self._total / max(1, self._batches), reduce_op="mean")
        logged = {name: float(value) for name, value in sorted(trainer.callback_metrics.items())}
        logged.pop("train_loss", None)  # the last batch's
        if not self._validated:  # Lightning keeps an earlier epoch's
            logged = {name: value for name, value in logged.items() if "val_" not in name}
        losses = {"train_loss": float(mean), "val_loss": logged.pop("val_loss", None)}
        self.history.append({"epoch": trainer.current_epoch, "step": trainer.global_step, **losses, "logged": logged})

    def state_dict(self):
        return {"history": self.history, "total": float(self._total), "batches": self._batches}

    def load_state_dict(self, state_dict):
        self.history = list(state_dict["history"])
        self._total, self._batches = state_dict.get("total", 0), state_dict.get("batches", 0)
