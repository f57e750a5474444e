"""What a checkpoint keeps, and what it refuses to load."""

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import nn

from robovlms_mobile.errors import CheckpointError
from robovlms_mobile.training.checkpoints import AdapterCheckpoint, check_complete, keep_trainable
from robovlms_mobile.training.curves import gap, write_csv, write_png
from robovlms_mobile.training.metrics import EpochLosses


@pytest.fixture
def model():
    model = nn.ModuleDict({"frozen": nn.Linear(3, 3), "head": nn.Linear(3, 2)})
    model["frozen"].requires_grad_(False)
    return model


def test_frozen_tensors_are_left_out(model):
    checkpoint = {"state_dict": dict(model.state_dict()), "epoch": 3}
    keep_trainable(model, checkpoint)
    assert sorted(checkpoint["state_dict"]) == ["head.bias", "head.weight"]
    check_complete(model, checkpoint)


def test_everything_that_does_not_fit_is_named_at_once(model):
    saved = {"head.weight": torch.zeros(5, 3), "other.weight": torch.zeros(1)}
    with pytest.raises(CheckpointError) as error:
        check_complete(model, {"state_dict": saved})
    text = str(error.value)
    assert "1 trainable tensors are missing: head.bias" in text
    assert "1 tensors the model lacks: other.weight" in text
    assert "1 tensors of another shape: head.weight" in text


def row(train, val=None):
    return {"epoch": 0, "step": 1, "train_loss": train, "val_loss": val}


def best_of(*rows):
    callback = AdapterCheckpoint(EpochLosses())
    return [callback._is_best(each) for each in rows], callback.best


def test_best_goes_by_the_validation_loss():
    assert best_of(row(3, 3), row(1, 4), row(2, 2)) == ([True, False, True], {"monitor": "val_loss", "score": 2})


def test_without_validation_best_goes_by_the_training_loss_and_says_so():
    assert best_of(row(3), row(2), row(4)) == ([True, True, False], {"monitor": "train_loss", "score": 2})


def test_the_first_validation_loss_replaces_a_training_loss_however_low():
    assert best_of(row(1), row(1, 5), row(0.5, 6)) == ([True, True, False], {"monitor": "val_loss", "score": 5})


def test_best_and_history_survive_a_resume():
    losses = EpochLosses()
    losses.history = [row(2, 1)]
    resumed = EpochLosses()
    resumed.load_state_dict(losses.state_dict())
    assert resumed.history == losses.history
    callback = AdapterCheckpoint(losses)
    callback.load_state_dict({"best": {"monitor": "val_loss", "score": 1}})
    assert not callback._is_best(row(0, 2))


def test_curves_are_written_for_runs_with_and_without_validation(tmp_path):
    pytest.importorskip("matplotlib")
    history = [row(2.0, 3.0), row(1.0)]
    write_csv(history, tmp_path / "losses.csv")
    write_png(history, tmp_path / "losses.png")
    assert (tmp_path / "losses.csv").read_text().split() == [
        "epoch,step,train_loss,val_loss,gap",
        "0,1,2.0,3.0,1.0",
        "0,1,1.0,,",
    ]
    assert (tmp_path / "losses.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["losses.csv", "losses.png"]
    assert gap(history[1]) is None


class Tiny(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.frozen, self.head = nn.Linear(3, 3), nn.Linear(3, 2)
        self.frozen.requires_grad_(False)

    def training_step(self, batch, index):
        return self.head(self.frozen(batch)).square().mean()

    def configure_optimizers(self):
        return torch.optim.SGD(self.head.parameters(), 0.1)


@pytest.mark.parametrize("weights_only", [False, True])
def test_both_of_lightnings_save_modes_keep_trainable_tensors_only(tmp_path, weights_only):
    model, stock = Tiny(), ModelCheckpoint(dirpath=tmp_path / "stock", save_top_k=-1)
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    trainer = pl.Trainer(max_epochs=1, default_root_dir=tmp_path, callbacks=[stock], **quiet)
    AdapterCheckpoint(EpochLosses()).setup(trainer, model, "fit")
    trainer.fit(model, torch.utils.data.DataLoader(torch.ones(2, 3)))
    trainer.save_checkpoint(tmp_path / "last.ckpt", weights_only=weights_only)
    state = torch.load(tmp_path / "last.ckpt", weights_only=True)
    assert sorted(state["state_dict"]) == ["head.bias", "head.weight"]
    assert ("optimizer_states" in state) is not weights_only
    assert not (tmp_path / "stock").exists()  # upstream's own checkpoint is silenced
