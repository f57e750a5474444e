"""Datasets, looked up here by `*_dataset.type`."""

from torch.utils.data import Dataset

from robovlms.data import vid_llava_dataset  # noqa: F401  only for its imports


class DummyDataset(Dataset):
    """Bare integers."""

    def __init__(self, num_samples=0, mode="train"):
        self.data = range(num_samples)

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        return self.data[index]
