"""The order of a run's training data: by seed and epoch alone, from where a resumed run goes on."""

from itertools import islice

from torch.utils.data import RandomSampler, Sampler

from robovlms_mobile.seeds import generator_of


class EpochOrder(Sampler):
    """Another sampler in the order of the epoch the run is in.

    Args:
        sampler: upstream's; a RandomSampler, one with `set_epoch`, or one whose order is fixed.
        seed: the run's.
        epoch: the `SharedEpoch` of the run.
        skip: one-element list of how many samples the next pass leaves out; set to 0 by it.
    """

    def __init__(self, sampler, seed, epoch, skip):
        self.sampler, self.seed, self.epoch, self.skip = sampler, seed, epoch, skip

    def __len__(self):
        return len(self.sampler)

    def __iter__(self):
        if hasattr(self.sampler, "set_epoch"):
            self.sampler.set_epoch(self.epoch.value)
        elif isinstance(self.sampler, RandomSampler):
            self.sampler.generator = generator_of(self.seed, self.epoch.value)
        skipped, self.skip[0] = self.skip[0], 0
        yield from islice(self.sampler, skipped, None)


def order_by_epoch(datamodule, seed, epoch, consumed):
    """Have the training loaders of a data module draw their samples in an `EpochOrder`.

    Args:
        consumed: one-element list of the batches that a run resumed in the middle of an epoch has behind it; read when
            the loaders are made.
    """
    stock = datamodule.train_dataloader

    def train_dataloader():
        made = stock()
        for loader in getattr(made, "flattened", [made]):
            batches = getattr(loader, "batch_sampler", None)
            if batches is not None:
                batches.sampler = EpochOrder(batches.sampler, seed, epoch, [consumed[0] * batches.batch_size])
        return made

    datamodule.train_dataloader = train_dataloader
