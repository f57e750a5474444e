"""Random numbers that depend on where a run is and on nothing else, so that a resumed run draws what it would have."""

import hashlib
import random

import numpy as np
import torch


def seed_of(*place: object) -> int:
    """Return an int in [0, 2**63) for any values with a repr of their own, e.g. (seed, epoch, index)."""
    digest = hashlib.blake2b("/".join(map(str, place)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def generator_of(*place: object) -> torch.Generator:
    """Return a torch.Generator seeded with `seed_of(*place)`."""
    return torch.Generator().manual_seed(seed_of(*place))


def seed_everything(*place: object) -> None:
    """Seed Python's, numpy's and torch's global generators, those of all GPUs too, with `seed_of(*place)`."""
    seed = seed_of(*place)
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
