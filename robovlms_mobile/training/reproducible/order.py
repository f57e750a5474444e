"""The order of a run's data: by seed and epoch alone, the same over any number of processes, from where it resumes."""

from itertools import cycle, islice

import torch
from lightning.pytorch import LightningDataModule
from lightning.pytorch.overrides.distributed import UnrepeatedDistributedSampler
from torch.utils.data import DistributedSampler, RandomSampler, Sampler

from robovlms_mobile.data.epoch import SharedEpoch
from robovlms_mobile.seeds import generator_of


class EpochOrder(Sampler):
    """One permutation of the dataset an epoch, dealt out to the processes; another kind of sampler keeps its own order.

    Args:
        sampler: upstream's.
        seed: the run's.
        epoch: the `SharedEpoch` of the run.
        skip: one-element list of how many samples the next pass leaves out; set to 0 by it.
    """

    def __init__(self, sampler, seed, epoch, skip):
        self.sampler, self.seed, self.epoch, self.skip = sampler, seed, epoch, skip

    def __len__(self):
        return len(self.sampler)

    def __iter__(self):
        skipped, self.skip[0] = self.skip[0], 0
        yield from islice(self._order(), skipped, None)

    def _order(self):
        if isinstance(self.sampler, DistributedSampler):
            rank, processes = self.sampler.rank, self.sampler.num_replicas
        elif isinstance(self.sampler, RandomSampler):
            rank, processes = 0, 1
        else:
            return iter(self.sampler)
        every = self._permutation(len(self) * processes)
        return iter(every[rank::processes])

    def _permutation(self, count):
        """Return `count` indices; the first come again where the processes' shares do not come out even."""
        size = len(self.sampler.dataset if hasattr(self.sampler, "dataset") else self.sampler.data_source)
        order = torch.randperm(size, generator=generator_of(self.seed, self.epoch.value)).tolist()
        return list(islice(cycle(order), count))


def order_by_epoch(datamodule: LightningDataModule, seed: int, epoch: SharedEpoch, consumed: list[int]) -> None:
    """Have a data module's training loaders draw in an `EpochOrder`, its validation loaders each sample just once.

    Args:
        consumed: one-element list of the batches that a run resumed in the middle of an epoch has behind it; read when
            the loaders are made.
    """

    def train(loader):
        batches = loader.batch_sampler
        batches.sampler = EpochOrder(batches.sampler, seed, epoch, [consumed[0] * batches.batch_size])

    _adapt(datamodule, "train_dataloader", train)
    _adapt(datamodule, "val_dataloader", _once_each)


def _adapt(datamodule, name, change):
    stock = getattr(datamodule, name)

    def made():
        loaders = stock()
        every = loaders if isinstance(loaders, (list, tuple)) else getattr(loaders, "flattened", [loaders])
        for loader in every:
            if getattr(loader, "batch_sampler", None) is not None:
                change(loader)
        return loaders

    setattr(datamodule, name, made)


def _once_each(loader):
    """Upstream repeats samples until all processes have as many; a mean over the data then counts them twice."""
    batches, sampler = loader.batch_sampler, loader.batch_sampler.sampler
    if isinstance(sampler, DistributedSampler) and len(loader.dataset) >= sampler.num_replicas * batches.batch_size:
        options = {"num_replicas": sampler.num_replicas, "rank": sampler.rank, "shuffle": False}
        batches.sampler = UnrepeatedDistributedSampler(loader.dataset, **options)
