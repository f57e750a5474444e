"""Tell the data which epoch the run is in, before a worker reads the first sample of it."""

from lightning.pytorch.callbacks import Callback

from robovlms_mobile.data.epoch import set_epoch


class EpochClock(Callback):
    """Sets `data.epoch` for the run.

    Workers may read ahead before the trainer knows where it resumes: whoever asks for `estimated_stepping_batches` in
    `configure_optimizers`, as upstream does, starts them, and the loops are restored only after that. So the epoch is
    taken out of the checkpoint as soon as it is there.
    """

    def setup(self, trainer, pl_module, stage):
        set_epoch(trainer.current_epoch)

    def on_load_checkpoint(self, trainer, pl_module, checkpoint):
        set_epoch(resumed_epoch(checkpoint))

    def on_train_epoch_start(self, trainer, pl_module):
        set_epoch(trainer.current_epoch)


def resumed_epoch(checkpoint):
    """Return the epoch a run goes on in from a Lightning checkpoint: the next one when it was saved at an epoch's end.

    `checkpoint["epoch"]` is the epoch it was saved in, at its end as in its middle; the loops say how many are done.
    """
    return checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"]
