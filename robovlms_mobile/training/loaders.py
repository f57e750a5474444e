"""What a run's loaders read, whether Lightning has one of them or a list."""

from typing import Any

from robovlms_mobile.data.dataset import MobileVLAH5Dataset


def own_dataset(loaders: Any) -> MobileVLAH5Dataset | None:
    """Return the MobileVLAH5Dataset of a loader, or of the only one in a list; None for anything else."""
    every = loaders if isinstance(loaders, list | tuple) else [loaders]
    dataset = getattr(every[0], "dataset", None) if len(every) == 1 else None
    return dataset if isinstance(dataset, MobileVLAH5Dataset) else None
