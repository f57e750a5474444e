"""Keep adapters instead of whole models: `best`, `last` and a periodic one as folders, `last.ckpt` to resume from.

A folder holds `adapter_config.json` and `adapter_model.safetensors` as PEFT reads them, `policy.safetensors` with
every other trained tensor under its name in upstream's state dict, `contract.json` and `metrics.json`.
"""

import json
import warnings
from pathlib import Path

from lightning.pytorch.callbacks import Checkpoint, ModelCheckpoint

from robovlms_mobile.contract import contract
from robovlms_mobile.errors import CheckpointError
from robovlms_mobile.files import replace_folder
from robovlms_mobile.model.lora import is_lora, save_adapters


class AdapterCheckpoint(Checkpoint):
    """Saves after each epoch, into the run's folder.

    Args:
        losses: the run's `EpochLosses`, earlier in the list of callbacks.
        every_n_epochs: period of the folders `epoch-0010`, `epoch-0020`, …
    """

    def __init__(self, losses, every_n_epochs=10):
        self.losses = losses
        self.every_n_epochs = every_n_epochs
        self.best = None

    def setup(self, trainer, pl_module, stage):
        """Silence the checkpoints that hold whole models, and leave frozen tensors out of every other."""
        for callback in trainer.checkpoint_callbacks:
            if isinstance(callback, ModelCheckpoint):
                callback.save_top_k, callback.save_last = 0, None
        pl_module.strict_loading = False
        pl_module.on_save_checkpoint = lambda checkpoint: keep_trainable(pl_module, checkpoint)
        pl_module.on_load_checkpoint = lambda checkpoint: check_complete(pl_module, checkpoint)

    def on_train_start(self, trainer, pl_module):
        if not sum(trainer.num_val_batches):
            warnings.warn(
                "This run has no val_loss: the validation windows do not fill one batch of "
                f"{pl_module.configs['batch_size']} (upstream drops what is left), or validation is switched off. "
                "'best' goes by the training loss instead. Lower batch_size, or add episodes.",
                stacklevel=2,
            )

    def on_train_epoch_end(self, trainer, pl_module):
        folder = Path(pl_module.configs["output_dir"])
        row = self.losses.history[-1]
        names = ["last"]
        if row["epoch"] % self.every_n_epochs == self.every_n_epochs - 1:
            names.append(f"epoch-{row['epoch'] + 1:04d}")
        if self._is_best(row):
            names.append("best")
        if trainer.is_global_zero:
            for name in names:
                save_folder(pl_module, folder / name, {**row, **self.best})
        trainer.save_checkpoint(folder / "last.ckpt", weights_only=False)

    def on_train_end(self, trainer, pl_module):
        if trainer.is_global_zero and self.best:
            folder = Path(pl_module.configs["output_dir"])
            print(
                f"robovlms-mobile: best {self.best['monitor']} {self.best['score']:.4f}; adapters in {folder / 'best'}"
            )

    def _is_best(self, row):
        monitor = "train_loss" if row["val_loss"] is None else "val_loss"
        better = self.best is None or row[monitor] < self.best["score"]
        switched = self.best is not None and monitor == "val_loss" != self.best["monitor"]
        if better or switched:
            self.best = {"monitor": monitor, "score": row[monitor]}
        return better or switched

    def state_dict(self):
        return {"best": self.best}

    def load_state_dict(self, state_dict):
        self.best = state_dict["best"]


def trainable_names(module):
    """Return the names of the tensors that training changes, as they stand in the state dict: set[str]."""
    return {name for name, parameter in module.named_parameters(remove_duplicate=False) if parameter.requires_grad}


def keep_trainable(module, checkpoint):
    """Leave only trainable tensors in a Lightning checkpoint's `state_dict`, in place."""
    names = trainable_names(module)
    checkpoint["state_dict"] = {name: tensor for name, tensor in checkpoint["state_dict"].items() if name in names}


def check_complete(module, checkpoint):
    """Compare a checkpoint's tensors with what this run trains.

    Raises:
        CheckpointError: a trainable tensor is missing, one is not known here, or a shape differs; names all of them.
    """
    saved, known = checkpoint["state_dict"], dict(module.named_parameters(remove_duplicate=False))
    missing = sorted(trainable_names(module) - saved.keys())
    unknown = sorted(saved.keys() - module.state_dict().keys())
    shapes = sorted(name for name in saved.keys() & known.keys() if saved[name].shape != known[name].shape)
    wrong = [
        f"{len(names)} {what}: {', '.join(names)}"
        for what, names in (
            ("trainable tensors are missing", missing),
            ("tensors the model lacks", unknown),
            ("tensors of another shape", shapes),
        )
        if names
    ]
    if wrong:
        raise CheckpointError(
            f"The checkpoint does not fit this config. {'; '.join(wrong)}. "
            "Resume with the config of the run that wrote it (lora_r, mobile.lora.targets, act_head, base model)."
        )


def save_folder(module, folder, metrics):
    """Write adapters, other trained tensors, contract and metrics; the folder is replaced as a whole."""
    from safetensors.torch import save_file

    configs = module.configs
    names = {name for name in trainable_names(module) if not is_lora(name)}
    state = module.state_dict()
    other = {name: state[name].detach().cpu().clone().contiguous() for name in sorted(names)}
    with replace_folder(folder) as temporary:
        save_adapters(module.model.backbone, temporary, configs["vlm"]["pretrained_model_name_or_path"])
        save_file(other, temporary / "policy.safetensors", metadata={"format": "pt"})
        _write_json(temporary / "contract.json", contract(configs))
        _write_json(temporary / "metrics.json", metrics)


def _write_json(path, value):
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
