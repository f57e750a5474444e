"""A resumed run is the run it resumes: same settings, base model, data, and the same loss on the same batch."""

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback
from torch.nn import Module

from robovlms_mobile.adapters.fingerprint import adapted_weights, fingerprint, stored_fingerprint
from robovlms_mobile.errors import ModelError
from robovlms_mobile.training.loaders import own_dataset
from robovlms_mobile.training.resume import probe_batch
from robovlms_mobile.training.resume.folders import KEY
from robovlms_mobile.training.resume.state import settings


class Continuity(Callback):
    """Puts into each checkpoint what tells its run from others, and compares on resume, before anything is trained.

    Raises (on resume):
        CheckpointError: with a table of everything that differs.
    """

    def __init__(self):
        self._batch = None  # the probe
        self._resumed = {}
        self.base = None  # fingerprint of the base model under the adapters; None without adapters

    def setup(self, trainer, pl_module, stage):
        self.base = base_fingerprint(pl_module.configs, pl_module.model.backbone)
        pl_module.on_load_checkpoint = lambda checkpoint: self._check_model(pl_module, checkpoint)

    def on_train_start(self, trainer, pl_module):
        saved, self._resumed = self._resumed, {}
        if not saved:
            return
        from robovlms_mobile.training.resume.differences import check_batch

        self._batch = saved.get("probe", {}).get("batch")
        check_batch(trainer, pl_module, saved, data_of(trainer))

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if self._batch is None:
            self._batch = probe_batch.portable(batch)

    def on_save_checkpoint(self, trainer, pl_module, checkpoint):
        checkpoint[KEY] = {**self._now(pl_module), "data": data_of(trainer)}
        if self._batch is not None:
            measured = probe_batch.measure(trainer, pl_module, self._batch)
            checkpoint[KEY]["probe"] = {**measured, "batch": self._batch}

    def _now(self, pl_module):
        return {"settings": settings(pl_module.configs, pl_module.trainer.world_size), "base": self.base}

    def _check_model(self, pl_module, checkpoint):
        from robovlms_mobile.training.resume.differences import check_model

        self._resumed = checkpoint.get(KEY, {})  # a checkpoint of version 0.0 has none
        check_model(pl_module, checkpoint, self._resumed, self._now(pl_module))


def base_fingerprint(configs: dict, backbone: Module) -> str | None:
    """Return the fingerprint of a run's base model: of its files, or of what was loaded where those have other names.

    To be called before anything is trained. None without adapters: it is of the weights under them.
    """
    weights = adapted_weights(backbone)
    if not weights:
        return None
    try:
        return stored_fingerprint(configs["vlm"]["pretrained_model_name_or_path"], [name for name, _ in weights])
    except ModelError:  # a name on the hub, a pickle, or files that a newer transformers renames while it loads them
        return fingerprint(weights)


def data_of(trainer: Trainer) -> dict[str, dict]:
    """Return the episodes a run sees: "training" and "validation" → {file name: digest}; {} for other datasets."""
    sides = {"training": own_dataset(trainer.train_dataloader), "validation": own_dataset(trainer.val_dataloaders)}
    return {side: dataset.content for side, dataset in sides.items() if dataset is not None}
