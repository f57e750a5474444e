"""Keep adapters instead of whole models: `best`, `last` and periodic ones as folders, `last.ckpt` to resume from.

A folder holds `adapter_config.json` and `adapter_model.safetensors` as PEFT reads them, `policy.safetensors` with
every other trained tensor under its name in upstream's state dict, `contract.json`, `metrics.json` and a model card.
A run without LoRA has no adapters: its folders lack the first two, and `policy.safetensors` is all that it trained,
the head where the backbone is frozen.
"""

from contextlib import suppress
from pathlib import Path

from lightning.pytorch.callbacks import Checkpoint, ModelCheckpoint

from robovlms_mobile.files import PART
from robovlms_mobile.training.loaders import own_dataset
from robovlms_mobile.training.ranking import BEST, Ranking, read_metrics
from robovlms_mobile.training.resume.folders import STATE
from robovlms_mobile.training.resume.state import keep_trainable, trainable_names
from robovlms_mobile.training.saving import AdapterWriter, WholeFiles, reason_of, say_refused


class AdapterCheckpoint(Checkpoint):
    """Saves after each epoch, into the run's folder; the state to resume from comes last.

    A run killed between two folders does that epoch again, and writes them again.

    Args:
        losses: the run's `EpochLosses`, earlier in the list of callbacks.
        continuity: its `Continuity`, likewise.
        options: its `CheckpointOptions`.
    """

    def __init__(self, losses, continuity, options):
        self.losses, self.continuity, self.options = losses, continuity, options
        self._files = WholeFiles()
        self._step = 0  # of the newest state

    def setup(self, trainer, pl_module, stage):
        """Silence the checkpoints that hold whole models, and leave frozen tensors out of every other."""
        for callback in trainer.checkpoint_callbacks:
            if isinstance(callback, ModelCheckpoint):
                callback.save_top_k, callback.save_last = 0, None
        trainer.strategy.checkpoint_io = self._files
        pl_module.strict_loading = False
        pl_module.on_save_checkpoint = lambda checkpoint: keep_trainable(pl_module, checkpoint)

    def on_train_start(self, trainer, pl_module):
        """Raise CheckpointError, on every rank, where the disk does not take what the first save will write."""
        self._try_disk(trainer, Path(pl_module.configs["output_dir"]))
        self._step = trainer.global_step
        if not sum(trainer.num_val_batches):
            from robovlms_mobile.training.unsaved import warn_of_no_validation

            warn_of_no_validation(pl_module.configs["batch_size"])

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        every, step = self.options.every_n_steps, trainer.global_step
        if every and step != self._step and step % every == 0 and not trainer.is_last_batch:
            self.losses.share(trainer)
            self._save_state(trainer, pl_module)

    def on_train_epoch_end(self, trainer, pl_module):
        row = self.losses.history[-1]
        values = {**row["logged"], "train_loss": row["train_loss"], "val_loss": row["val_loss"]}
        validates = bool(sum(trainer.num_val_batches))  # in some epochs, perhaps not in this one
        monitor = self.options.monitor or ("val_loss" if validates else "train_loss")
        score = values.get(monitor)
        if trainer.is_global_zero:
            self._save_folders(pl_module, row, monitor, score)
        self._save_state(trainer, pl_module)
        if score is None and (row["val_loss"] is not None or not validates):
            from robovlms_mobile.training.unsaved import not_logged

            raise not_logged(monitor, values)

    def on_train_end(self, trainer, pl_module):
        folder = Path(pl_module.configs["output_dir"]) / BEST
        metrics = read_metrics(folder)
        if trainer.is_global_zero and metrics:
            print(f"robovlms-mobile: best {metrics['monitor']} {metrics['score']:.4f}; in {folder}")

    def _try_disk(self, trainer, folder):
        """Write the state and remove it again: refused now, it would be refused after the first epoch's hours too."""
        path, reasons = folder / f".{STATE}{PART}", []  # `recover` removes it after a kill
        self._files.on_refusal = lambda path, error: reasons.append(reason_of(error))
        trainer.save_checkpoint(path, weights_only=False)
        self._files.on_refusal = say_refused
        if trainer.is_global_zero:
            with suppress(OSError):
                path.unlink(missing_ok=True)
        reasons = trainer.strategy.broadcast(reasons)
        if reasons:
            from robovlms_mobile.training.unsaved import no_room

            raise no_room(folder, reasons[0])

    def _save_folders(self, pl_module, row, monitor, score):
        from robovlms_mobile.adapters.card import model_card
        from robovlms_mobile.adapters.contract import contract
        from robovlms_mobile.adapters.trained_on import add_data

        folder, epoch = Path(pl_module.configs["output_dir"]), row["epoch"]
        ranking = Ranking(folder, self.options)
        names = ["last"] + ([] if score is None else ranking.places(monitor, score, epoch))
        if epoch % self.options.every_n_epochs == self.options.every_n_epochs - 1:
            names.append(f"epoch-{epoch + 1:04d}")
        metrics = {**row, "monitor": monitor, "mode": self.options.sense, "score": score}
        told = contract(pl_module.configs, self.continuity.base) | {"dtype": self.options.dtype}
        if data := own_dataset(pl_module.trainer.train_dataloader):
            add_data(told, data, pl_module.model.tokenizer)
        extras = {"contract.json": told, "README.md": model_card(pl_module.configs, told, metrics)}
        writer = AdapterWriter(pl_module, trainable_names(pl_module), extras, self.options.dtype)
        for name in names:
            writer.write(folder / name, metrics)
        ranking.drop(monitor)

    def _save_state(self, trainer, pl_module):
        self._step = trainer.global_step
        trainer.save_checkpoint(Path(pl_module.configs["output_dir"]) / STATE, weights_only=False)
