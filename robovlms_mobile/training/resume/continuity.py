"""A resumed run is the run it resumes: same settings, base model, data, and the same loss on the same batch."""

from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback
from torch.nn import Module

from robovlms_mobile.adapters.fingerprint import adapted_weights, fingerprint, stored_fingerprint
from robovlms_mobile.errors import ModelError
from robovlms_mobile.training.resume import probe_batch, state
from robovlms_mobile.training.resume.folders import KEY

SIDES = ("training", "validation")


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
        from robovlms_mobile.training.resume.differences import compare_data, refuse

        rows = compare_data(saved.get("data", {}), data_of(trainer))
        self._batch = saved.get("probe", {}).get("batch")
        if self._batch is not None:
            now = probe_batch.measure(trainer, pl_module, self._batch)
            if not probe_batch.agree(saved["probe"], now):
                rows.append(("loss of the probe batch", saved["probe"]["loss"], now["loss"]))
        refuse(trainer.strategy.broadcast(rows))

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if self._batch is None:
            self._batch = probe_batch.portable(batch)

    def on_save_checkpoint(self, trainer, pl_module, checkpoint):
        checkpoint[KEY] = {
            "settings": state.settings(pl_module.configs, trainer.world_size),
            "base": self.base,
            "data": data_of(trainer),
        }
        if self._batch is not None:
            measured = probe_batch.measure(trainer, pl_module, self._batch)
            checkpoint[KEY]["probe"] = {**measured, "batch": self._batch}

    def _check_model(self, pl_module, checkpoint):
        from robovlms_mobile.training.resume.differences import check_tensors, comparable, compare, refuse

        self._resumed, rows = checkpoint.get(KEY, {}), []  # a checkpoint of version 0.0 has none
        if self._resumed:
            saved, now = self._resumed["settings"], state.settings(pl_module.configs, pl_module.trainer.world_size)
            rows = compare(saved, comparable(saved, now))
            rows += compare({"base model": self._resumed["base"]}, {"base model": self.base})
        refuse(*pl_module.trainer.strategy.broadcast((rows, check_tensors(pl_module, checkpoint))))


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
    found = {}
    for side, loaders in zip(SIDES, (trainer.train_dataloader, trainer.val_dataloaders), strict=True):
        loaders = loaders if isinstance(loaders, (list, tuple)) else [loaders]
        contents: list[Any] = [getattr(getattr(loader, "dataset", None), "content", None) for loader in loaders]
        if None not in contents:
            found[side] = {name: digest for content in contents for name, digest in content.items()}
    return found
