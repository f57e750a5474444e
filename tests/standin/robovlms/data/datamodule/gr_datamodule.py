"""Builds a dataset by name and its loader, at fit time."""

import copy
import os

import lightning.pytorch as pl
from torch.utils.data import DataLoader, RandomSampler, SequentialSampler, default_collate
from torch.utils.data.distributed import DistributedSampler

import robovlms
import robovlms.data.samplers as samplers
from robovlms.utils.dist_train import is_dist


class GRDataModule(pl.LightningDataModule):
    def __init__(self, train_dataset, val_dataset, batch_size, num_workers, data_root="", **kwargs):
        super().__init__()
        self.train_dataset_config, self.val_dataset_config = train_dataset, val_dataset
        self.batch_size, self.num_workers, self.data_root = batch_size, num_workers, data_root
        self.kwargs = kwargs

    def _init_dataset(self, config, is_training):
        block = copy.deepcopy(config)
        if "data_dir" in block:
            block["data_dir"] = os.path.join(self.data_root, block["data_dir"])
        kind, sampler = block.pop("type"), block.pop("sampler", None)
        dataset = getattr(robovlms.data, kind)(**(block | {"is_training": is_training} | self.kwargs))
        loader = DataLoader(
            dataset,
            batch_size=self.batch_size,
            num_workers=self.num_workers,
            sampler=self._sampler(dataset, sampler, is_training),
            drop_last=True,
            collate_fn=getattr(dataset, "collater", default_collate),
            prefetch_factor=3,
            pin_memory=True,
        )
        return dataset, loader

    def _sampler(self, dataset, config, is_training):
        cls = getattr(samplers, config.pop("type"), None) if config is not None else None
        if cls is not None:
            return cls(**config, dataset=dataset, is_training=is_training)
        if is_dist():
            return DistributedSampler(dataset, shuffle=True, drop_last=False, seed=self.kwargs.get("seed", 123))
        return RandomSampler(dataset) if is_training else SequentialSampler(dataset)

    def train_dataloader(self):
        self._train_datasets, self._train_loader = self._init_dataset(self.train_dataset_config, True)
        return self._train_loader

    def val_dataloader(self):
        self._val_datasets, self._val_loader = self._init_dataset(self.val_dataset_config, False)
        return self._val_loader
