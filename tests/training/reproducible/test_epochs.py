import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch.utils.data import DataLoader, Dataset

from robovlms_mobile.data import epoch
from robovlms_mobile.data.augment.balance import balanced_indices
from robovlms_mobile.seeds import generator_of
from robovlms_mobile.training.reproducible.epochs import EpochClock

SAMPLES, BATCH = 24, 2


class Samples(Dataset):
    """Each sample is its index, the epoch its worker sees, and a draw."""

    def __init__(self):
        self.epoch = epoch.run_epoch()
        self.indices = balanced_indices([{0}] * SAMPLES)

    def __len__(self):
        return len(self.indices)

    def __getitem__(self, index):
        now = self.epoch.value
        drawn = torch.rand(1, generator=generator_of(0, now, index), dtype=torch.float64)
        return torch.tensor([self.indices[index], now]), drawn


class Model(LightningModule):
    """Asks for the number of steps where upstream does, which starts the workers before the loops are restored."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
        self.seen, self.drawn = {}, {}

    def configure_optimizers(self):
        assert self.trainer.estimated_stepping_batches
        return torch.optim.SGD(self.parameters(), 1e-3)

    def training_step(self, batch, _):
        for (index, saw), drawn in zip(batch[0].tolist(), batch[1].tolist(), strict=True):
            self.seen.setdefault(self.trainer.current_epoch, []).append(saw)
            self.drawn[self.trainer.current_epoch, index] = drawn
        return self.layer(batch[1].float()).sum()

    def validation_step(self, batch, _):
        return None


class Save(Callback):
    """Saves at the end of every epoch, as `AdapterCheckpoint` does, and once in the middle of one."""

    def __init__(self, folder):
        self.folder = folder

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if trainer.current_epoch == 1 and batch_idx == 4:
            trainer.save_checkpoint(self.folder / "middle.ckpt")

    def on_train_epoch_end(self, trainer, pl_module):
        trainer.save_checkpoint(self.folder / f"{trainer.current_epoch}.ckpt")


class Arrive(Callback):
    """Brings the clock in from `setup`, as a run of the plugin's does."""

    def setup(self, trainer, pl_module, stage):
        trainer.callbacks += [EpochClock()]


def fit(folder, epochs, resume=None, workers=2, method=None, clock=True, validate=True):
    model = Model()
    trainer = Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[Save(folder), *([Arrive()] if clock else [])],
    )
    loader = DataLoader(
        Samples(), BATCH, shuffle=True, num_workers=workers, multiprocessing_context=method, drop_last=True
    )
    validation = DataLoader(Samples(), BATCH, num_workers=1) if validate else None
    trainer.fit(model, loader, validation, ckpt_path=resume)
    return model


@pytest.fixture(autouse=True)
def start():
    epoch.set_epoch(0)
    yield
    epoch.set_epoch(0)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of three epochs: its folder of checkpoints, and what it saw."""
    epoch.set_epoch(7)  # left behind by another run in this process
    folder = tmp_path_factory.mktemp("run")
    return folder, fit(folder, 3)


def right(seen):
    return {number: {number} for number in seen} == {number: set(saw) for number, saw in seen.items()}


def test_every_sample_of_a_run_sees_the_epoch_it_is_in(whole):
    _, model = whole
    assert [len(model.seen[number]) for number in range(3)] == [SAMPLES] * 3
    assert right(model.seen)


@pytest.mark.parametrize("validate", [True, False])
@pytest.mark.parametrize("last", [0, 1])
def test_a_run_resumed_after_an_epoch_sees_what_it_would_have_seen(whole, tmp_path, last, validate):
    folder, model = whole
    resumed = fit(tmp_path, 3, folder / f"{last}.ckpt", validate=validate)
    assert sorted(resumed.seen) == list(range(last + 1, 3))
    assert right(resumed.seen)
    assert resumed.drawn == {key: drawn for key, drawn in model.drawn.items() if key[0] > last}


def test_a_run_resumed_in_the_middle_of_an_epoch_is_in_that_epoch(whole, tmp_path):
    resumed = fit(tmp_path, 3, whole[0] / "middle.ckpt")
    assert sorted(resumed.seen) == [1, 2] and right(resumed.seen)


def test_without_the_clock_workers_would_see_another_epoch(whole, tmp_path):
    assert not right(fit(tmp_path, 2, clock=False).seen)


@pytest.mark.slow
def test_spawned_workers_see_the_epoch_too(tmp_path):
    assert right(fit(tmp_path, 2, workers=1, method="spawn", validate=False).seen)
