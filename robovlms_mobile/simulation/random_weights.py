"""Random weights for a Kosmos-2 of any size, each drawn from the seed and its name; one tensor in memory at a time."""

import math
import re
from pathlib import Path

EMBEDDING = 0.1  # standard deviation of embeddings
NORM = re.compile(r"(norm\d?|_ln|layrnorm)\.weight$")  # (sic: transformers spells one of them so)
LOOKUP = re.compile(r"(embed_tokens\.weight|position_embedding\.weight|class_embedding|latent_query)$")
NAMES = {"float32": "F32", "float16": "F16"}  # safetensors' own


def write_random(folder: Path, config: dict, seed: int, shard_bytes: int = 10**9) -> None:
    """Write the weights of a Kosmos-2, in shards if they are many, in the config's `torch_dtype`.

    The weights keep the variance of their input, so that the image reaches the output, which Kosmos-2's own
    initialisation does not do in a small model.

    Args:
        folder: exists.
        config: of the model, as in config.json.
        seed: not negative.
        shard_bytes: of a file, at most (a single tensor may be larger).
    """
    import torch

    from robovlms_mobile.adapters.shards import Planned, write_shards

    dtype = config["torch_dtype"]
    planned = [Planned(name, NAMES[dtype], shape) for name, shape in sorted(_shapes(config).items())]
    write_shards(folder, planned, lambda each: torch.from_numpy(_drawn(each, seed, dtype)), shard_bytes)


def _shapes(config):
    import torch
    from transformers import Kosmos2Config, Kosmos2ForConditionalGeneration

    with torch.device("meta"):
        model = Kosmos2ForConditionalGeneration(Kosmos2Config.from_dict(config))
    return {name: tuple(each.shape) for name, each in model.named_parameters()}


def _drawn(planned, seed, dtype):
    import numpy as np

    name, shape = planned.name, planned.shape
    if name.endswith("bias"):
        return np.zeros(shape, dtype)
    if NORM.search(name):
        return np.ones(shape, dtype)
    spread = EMBEDDING if LOOKUP.search(name) else math.prod(shape[1:]) ** -0.5
    rng = np.random.default_rng([seed, *name.encode()])
    return (rng.standard_normal(shape, np.float32) * np.float32(spread)).astype(dtype)
