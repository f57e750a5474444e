"""Rank and world size, from the environment that torchrun sets."""

import os

import torch.distributed as dist


def get_rank():
    return int(os.getenv("RANK", 0))


def get_world_size():
    return int(os.getenv("WORLD_SIZE", 1))


def is_dist():
    return dist.is_available() and dist.is_initialized() and get_world_size() > 1
