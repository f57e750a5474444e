"""Make a tiny Kosmos-2 with its processor: one of random weights for tests, or one that has learned to see.

The files of a random one depend on the seed alone, not on the versions of torch and transformers that write them.
"""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from robovlms_mobile.errors import ModelError
from robovlms_mobile.simulation.captions import WORDS
from robovlms_mobile.simulation.random_weights import write_random
from robovlms_mobile.simulation.tokenizer import PATCH_INDEXES, SENTENCES, TAGS, tokenizer, tokenizer_config

MARK = "robovlms_mobile_tiny"  # key in config.json by which we know our own
SHIPPED = Path(__file__).with_name("seeing")  # weights in fp16, and the record of how they came about
WEIGHTS, HALF, RECORD = "model.safetensors", "seeing-fp16.safetensors", "record.json"


@dataclass(frozen=True)
class Shape:
    """How large a Kosmos-2 is.

    Attributes:
        image: pixels across, `patch` of them a side of a patch.
        latents: image tokens that the text model gets.
        text, vision: Kosmos-2's own options of these names.
        sentences: whose words the tokenizer knows whole.
        vocabulary: rows of the embedding at least; those beyond the tokenizer's own are never looked up.
        dtype: of the weights' files.
    """

    image: int
    patch: int
    latents: int
    text: dict
    vision: dict
    sentences: tuple
    vocabulary: int = 0
    dtype: str = "float32"


BLIND = Shape(
    image=224,
    patch=32,
    latents=8,
    text={"embed_dim": 64, "ffn_dim": 128, "layers": 2, "attention_heads": 4, "max_position_embeddings": 512},
    vision={"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4},
    sentences=SENTENCES,
)
NO_DROPOUT = dict.fromkeys(("dropout", "attention_dropout", "activation_dropout"), 0.0)
SEEING = Shape(
    image=96,
    patch=16,
    latents=8,
    text={**BLIND.text, **NO_DROPOUT, "attention_heads": 2},
    vision={"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 3, "num_attention_heads": 2},
    sentences=(*SENTENCES, " ".join(WORDS)),
)
FULL = Shape(  # microsoft/kosmos-2-patch14-224
    image=224,
    patch=14,
    latents=64,
    text={"embed_dim": 2048, "ffn_dim": 8192, "layers": 24, "attention_heads": 32, "max_position_embeddings": 2048},
    vision={"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16},
    sentences=SENTENCES,
    vocabulary=65037,
    dtype="float16",
)


def make_tiny_vlm(
    folder: str | Path, seed: int = 0, overwrite: bool = False, shape: Shape = BLIND, tensors: dict | None = None
) -> Path:
    """Write a Kosmos-2, by default of about 0.3 million weights: config, safetensors, tokenizer, image processor.

    Loads with `AutoProcessor` and `AutoModelForVision2Seq` (transformers 4) or `AutoModelForImageTextToText` (5).

    Args:
        folder: made if absent; must be empty otherwise.
        seed: of the weights, where they are drawn at random.
        overwrite: replace the files of an earlier tiny VLM in it.
        shape: its size.
        tensors: name → float32 array, the weights; None draws them.

    Returns:
        Path: the folder.

    Raises:
        ModelError: the folder holds something else, or holds one and `overwrite` is not set; the seed is negative.
    """
    if seed < 0:
        raise ModelError(f"A tiny VLM's seed must not be negative, got {seed}.")
    folder = Path(folder)
    _check_target(folder, overwrite)
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    partial.mkdir()
    try:
        _write(partial, seed, shape, tensors)
        _put(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def make_seeing_vlm(folder: str | Path, overwrite: bool = False) -> Path:
    """Write the tiny Kosmos-2 that was pretrained to say where boxes and cups are; see `pretraining`.

    The package ships its weights in fp16 and writes them in fp32, as a folder of Kosmos-2 has them. Arguments, result
    and errors as for `make_tiny_vlm`.
    """
    import numpy as np
    from safetensors.numpy import load_file

    tensors = {name: each.astype(np.float32) for name, each in load_file(SHIPPED / HALF).items()}
    folder = make_tiny_vlm(folder, overwrite=overwrite, shape=SEEING, tensors=tensors)
    shutil.copyfile(SHIPPED / RECORD, folder / RECORD)
    return folder


def record_of(folder: str | Path) -> dict | None:
    """Return what record.json says of a pretrained tiny VLM, None for a random one."""
    path = Path(folder) / RECORD
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def _check_target(folder, overwrite):
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    config = folder / "config.json"
    if not (config.is_file() and MARK.encode() in config.read_bytes()):
        raise ModelError(f"{folder} exists and holds something else than a tiny VLM. Take another folder.")
    if not overwrite:
        raise ModelError(f"{folder} already holds a tiny VLM; it was left as it is. Overwrite it with --force.")


def _put(partial, folder):
    """Move the files in, config.json last, by which the folder counts as made; what else is there stays."""
    folder.mkdir(exist_ok=True)
    for earlier in (RECORD, HALF):
        (folder / earlier).unlink(missing_ok=True)
    for path in sorted(partial.iterdir(), key=lambda path: path.name == "config.json"):
        os.replace(path, folder / path.name)


def _write(folder, seed, shape, tensors):
    words = tokenizer(shape.sentences)
    vocabulary = max(shape.vocabulary, len(words["model"]["vocab"]) + len(TAGS) + PATCH_INDEXES)
    config = _config(vocabulary, seed, shape)
    files = {
        "config.json": config,
        "tokenizer.json": words,
        "tokenizer_config.json": tokenizer_config(shape.text["max_position_embeddings"]),
        "preprocessor_config.json": _image_processor_config(shape.image),
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    if tensors is None:
        write_random(folder, config, seed)
    else:
        from safetensors.numpy import save

        (folder / WEIGHTS).write_bytes(save(tensors, metadata={"format": "pt"}))


def _config(vocabulary, seed, shape):
    return {
        "architectures": ["Kosmos2ForConditionalGeneration"],
        "model_type": "kosmos-2",
        "latent_query_num": shape.latents,
        "tie_word_embeddings": True,
        "torch_dtype": shape.dtype,
        MARK: {"seed": seed},
        "text_config": {"model_type": "kosmos_2_text_model", "vocab_size": vocabulary, **shape.text},
        "vision_config": {
            "model_type": "kosmos_2_vision_model",
            "image_size": shape.image,
            "patch_size": shape.patch,
            **shape.vision,
        },
    }


def _image_processor_config(size):
    return {
        "image_processor_type": "CLIPImageProcessor",
        "processor_class": "Kosmos2Processor",
        "do_resize": True,
        "size": {"height": size, "width": size},
        "resample": 3,
        "do_center_crop": True,
        "crop_size": {"height": size, "width": size},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
        "do_convert_rgb": True,
    }
