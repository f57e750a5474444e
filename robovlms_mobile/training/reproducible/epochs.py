"""Tell data and random generators in which epoch and at which batch a run is, a resumed one like any other."""

import functools
import warnings

from lightning.pytorch.callbacks import Callback

from robovlms_mobile.data.epoch import run_epoch, set_epoch
from robovlms_mobile.seeds import seed_everything
from robovlms_mobile.training.reproducible.order import order_by_epoch


class EpochClock(Callback):
    """Sets `data.epoch` for the run, orders its training data by it, and seeds each batch by its place in the run.

    Workers may read ahead before the trainer knows where it resumes: whoever asks for `estimated_stepping_batches` in
    `configure_optimizers`, as upstream does, starts them, and the loops are restored only after that. So the epoch is
    taken out of the checkpoint as soon as it is there.

    Args:
        seed: the run's.
    """

    def __init__(self, seed=0):
        self.seed = seed
        self._consumed = [0]  # batches of the epoch a run resumes in the middle of, until they are passed over

    def setup(self, trainer, pl_module, stage):
        self._enter(trainer.current_epoch)
        if trainer.datamodule is not None:
            # upstream's loaders know of the other processes; under "ddp" Lightning would put a sampler of its own in
            trainer._accelerator_connector.use_distributed_sampler = False
            # batches are of one size; as a whole number Lightning rounds the mean of their counts over the processes
            pl_module.log = functools.partial(pl_module.log, batch_size=1.0)
            order_by_epoch(trainer.datamodule, self.seed, run_epoch(), self._consumed)

    def on_load_checkpoint(self, trainer, pl_module, checkpoint):
        from robovlms_mobile.training.reproducible.resumed_place import resumed_place

        epoch, self._consumed[0] = resumed_place(checkpoint)
        if self._consumed[0] and trainer.datamodule is not None:  # Lightning does not know that the order goes on
            warnings.filterwarnings("ignore", message=".*ended before the epoch ended and your dataloader is not")
        self._enter(epoch)

    def on_train_epoch_start(self, trainer, pl_module):
        self._enter(trainer.current_epoch)

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        place = batch_idx * trainer.world_size + trainer.global_rank  # of the batch among those of all processes
        seed_everything(self.seed, trainer.current_epoch, place)

    def _enter(self, epoch):
        set_epoch(epoch)
        seed_everything(self.seed, epoch)
