"""A run that does little but save, for tests that kill it or fill its disk, and what it must leave behind.

Every tensor, optimizer state and loss it saves says which epoch it is of, so that nothing mixed goes unseen.
"""

import copy
import csv
import json
import sys
import types
from pathlib import Path

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback
from support.adapter_folders import adapted
from support.checkouts import STANDIN, TESTS
from support.configs import minimal_config
from torch import nn
from torch.utils.data import DataLoader

from robovlms_mobile.adapters.reading import read_adapters
from robovlms_mobile.training.resume.earlier import is_whole
from robovlms_mobile.training.resume.lock import LOCK
from robovlms_mobile.training.resume.start import settle
from robovlms_mobile.training.run import MobileRun

STATE, RECORD, CURVES = "last.ckpt", "run.json", "losses.csv"
KEEP = 2
QUIET = dict.fromkeys(("logger", "enable_progress_bar", "enable_model_summary"), False)
LOOPS = {"accelerator": "cpu", "devices": 1, "num_sanity_val_steps": 0}


class Model(nn.Module):
    """Upstream's backbone from the outside."""

    vision_tower = None

    def __init__(self, vlm):
        super().__init__()
        made = adapted(vlm).model
        self.backbone, self.act_head = made.backbone, made.act_head

    @property
    def text_tower(self):
        return self.backbone.text_model


class Tiny(pl.LightningModule):
    """Upstream's LightningModule from the outside; its loss is the mean of all that is trained.

    Args:
        every: period of the `epoch-…` folders.
        score: epoch → its val_loss.
    """

    def __init__(self, vlm, score, every):
        super().__init__()
        self.model, self.score, self.every = Model(vlm), score, every
        self.configs = minimal_config(TESTS)
        self.configs["vlm"]["pretrained_model_name_or_path"] = str(vlm)
        self.configs["mobile"] = {"checkpoints": {"keep": KEEP, "every_n_epochs": every}}

    def training_step(self, batch, index):
        return torch.stack([parameter.mean() for parameter in trained(self)]).mean() * batch["one"].mean()

    def validation_step(self, batch, index):
        self.log("val_loss", float(self.score(self.trainer.current_epoch)))

    def configure_optimizers(self):
        return torch.optim.AdamW(trained(self))


def falling(epoch):
    """Each epoch is the best so far."""
    return 10_000 - 2 * epoch


def noisy(epoch):
    """Two epochs of three are the best so far."""
    return falling(epoch) + 5 * (epoch % 3 == 1)


def trained(module):
    return [parameter for parameter in module.parameters() if parameter.requires_grad]


class Epochs(Callback):
    """Marks everything with the number of the epoch, and tells when its saving begins and has ended."""

    def __init__(self, start, before, after):
        self.start, self.before, self.after = start, before, after
        self._saved = None

    def setup(self, trainer, pl_module, stage):
        self.start(Path(pl_module.configs["output_dir"]))

    def on_train_start(self, trainer, pl_module):
        if not trainer.global_step:
            mark(trainer, pl_module, 0)

    def on_train_epoch_start(self, trainer, pl_module):
        self.after(self._saved)

    def on_train_epoch_end(self, trainer, pl_module):
        mark(trainer, pl_module, trainer.current_epoch + 1)
        self._saved = trainer.current_epoch
        self.before(self._saved)

    def on_fit_end(self, trainer, pl_module):
        self.after(self._saved)


@torch.no_grad()
def mark(trainer, module, value):
    states = [state for optimizer in trainer.optimizers for state in optimizer.state.values()]
    for tensor in [*trained(module), *(tensor for state in states for tensor in state.values())]:
        tensor.fill_(value)


def nothing(_):
    """A hook of `train` that does nothing."""


def train(module, folder, start=nothing, before=nothing, after=nothing, epochs=-1):
    """Train below `folder`, from the newest state there, with all callbacks of a run of ours.

    Args:
        start: called with the run's folder before anything is written.
        before, after: called with the number of an epoch when its saving begins, and when it has ended; `after` with
            None, once the run has started.
        epochs: how many in all; -1: until it is killed.
    """
    upstream = types.ModuleType("robovlms.train.base_trainer")
    upstream.__file__ = str(STANDIN / "robovlms" / "train" / "base_trainer.py")
    sys.modules[upstream.__name__] = upstream  # whose checkout run.json names
    module.configs = copy.deepcopy(module.configs) | {"output_dir": str(run_of(folder)), "resume": "last"}
    settle(module.configs)
    callbacks = [Epochs(start, before, after), MobileRun()]
    trainer = pl.Trainer(max_epochs=epochs, default_root_dir=folder, callbacks=callbacks, **LOOPS, **QUIET)
    data = [DataLoader([{"one": torch.ones(1)}]) for _ in range(2)]
    trainer.fit(module, *data, ckpt_path=module.configs["resume"])


def run_of(folder):
    """Return the folder of the run below `folder`."""
    return Path(folder) / "day" / "run"


def hidden(folder):
    """Return the names of what is half written or was replaced."""
    return sorted(path.name for path in folder.glob(".*") if path.name != LOCK)


def read_run(folder, module):
    """Return of which epoch each thing in a run's folder is: dict of name → int. Raises where one is not whole."""
    found = {path.name: read_adapter_folder(path, module) for path in folder.glob("[!.]*") if path.is_dir()}
    readers = {STATE: read_state, RECORD: read_record, CURVES: read_curves}
    return found | {name: read(folder / name, module) for name, read in readers.items() if (folder / name).exists()}


def read_adapter_folder(path, module):
    adapters = read_adapters(path, module)
    epoch = adapters.metrics["epoch"]
    same(path, numbers(adapters.state.values()), {epoch + 1})
    same(path, {key: adapters.metrics[key] for key in row(epoch, module)}, row(epoch, module))
    same(path, adapters.metrics["score"], module.score(epoch))
    same(path, f", epoch {epoch + 1}\n" in (path / "README.md").read_text(), True)
    number = path.name.rpartition("epoch-")[2]
    same(path, int(number) if number.isdigit() else epoch + 1, epoch + 1)
    return epoch


def read_state(path, module):
    same(path, is_whole(path), True)
    content = torch.load(path, weights_only=True)
    epoch, moments = content["epoch"], content["optimizer_states"][0]["state"]
    same(path, len(content["state_dict"]), len(trained(module)))
    same(path, numbers(content["state_dict"].values()), {epoch + 1})
    same(path, len(moments), len(trained(module)))
    same(path, numbers(tensor for state in moments.values() for tensor in state.values()), {epoch + 1})
    same(path, content["callbacks"]["EpochLosses"]["history"], history(epoch, module))
    same(path, content["robovlms_mobile"]["probe"]["loss"], epoch + 1)
    return epoch


def read_record(path, module):
    record = json.loads(path.read_text())
    epoch = len(record["epochs"]) - 1
    same(path, record["epochs"], history(epoch, module))
    same(path, record["config"]["exp_name"], "run")
    return epoch


def read_curves(path, module):
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    keys = ("epoch", "step", "train_loss", "val_loss")
    wanted = [[str(line[key]) for key in keys] for line in history(len(rows) - 1, module)]
    same(path, [[line[key] for key in keys] for line in rows], wanted)
    return len(rows) - 1


def row(epoch, module):
    """The losses of an epoch: it began with the number of the one before in every tensor."""
    losses = {"train_loss": float(epoch), "val_loss": float(module.score(epoch))}
    return {"epoch": epoch, "step": epoch + 1, **losses, "logged": {}}


def history(last, module):
    return [row(epoch, module) for epoch in range(last + 1)]


def numbers(tensors):
    """All different values in some tensors."""
    return {value for tensor in tensors for value in tensor.unique().tolist()}


def same(where, seen, expected):
    if seen != expected:
        raise AssertionError(f"{where}: {seen}, expected {expected}")


def verify(found, module, low, high):
    """Raise unless what `read_run` found may be left by a run that saved epoch `low` and did not finish `high`.

    low is -1 where nothing was ever saved whole.
    """
    for name in ("last", STATE, RECORD, CURVES):
        if not low <= found.get(name, -1) <= high:
            raise AssertionError(f"{name} is of epoch {found.get(name)}, expected {low} to {high}")
    epochs = range(max(low, 0), high + 1)
    if low >= 0 or "best" in found:
        same("best in its place", found.get("best") in {best(epoch, module, 1)[0] for epoch in epochs}, True)
    kept = {epoch for name, epoch in found.items() if name.startswith("best-epoch-")}
    before = [set()] * (low < 0) + [set(best(epoch, module)) for epoch in epochs]
    allowed = [*before, *({*some, epoch} for some in before for epoch in epochs)]
    same("best-epoch folders", (kept, kept in allowed), (kept, True))
    periodic = {epoch for name, epoch in found.items() if name.startswith("epoch-")}
    due = [{each for each in range(epoch + 1) if each % module.every == module.every - 1} for epoch in (low, high)]
    same("epoch folders", (periodic, due[0] <= periodic <= due[1]), (periodic, True))


def best(epoch, module, count=KEEP):
    """The best epochs up to one, the best first."""
    return sorted(range(epoch + 1), key=module.score)[:count]
