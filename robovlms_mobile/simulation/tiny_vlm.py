"""Make a tiny random Kosmos-2 with its processor: for tests, the demo and trying a config. It has learned nothing.

The files depend on the seed alone, not on the versions of torch and transformers that write them.
"""

import json
import math
import os
import re
import shutil
from collections import Counter
from pathlib import Path

from robovlms_mobile.errors import ModelError

MARK = "robovlms_mobile_tiny"  # key in config.json by which we know our own
IMAGE_SIZE, PATCH = 224, 32
LATENT_QUERIES = 8
TEXT = {"embed_dim": 64, "ffn_dim": 128, "layers": 2, "attention_heads": 4, "max_position_embeddings": 512}
VISION = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
EMBEDDING = 0.1  # standard deviation of embeddings
NORM = re.compile(r"(norm\d?|_ln|layrnorm)\.weight$")  # (sic: transformers spells one of them so)
LOOKUP = re.compile(r"(embed_tokens\.weight|position_embedding\.weight|class_embedding|latent_query)$")
SPECIALS = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")  # ids 0 to 3 are Kosmos-2's too
TAGS = (  # what Kosmos2Processor adds to its tokenizer, in its order
    "</doc>",
    "<image>",
    "</image>",
    "</chunk>",
    "</line>",
    "<phrase>",
    "</phrase>",
    "<object>",
    "</object>",
    "</delimiter_of_multi_objects/>",
    "<grounding>",
)
PATCH_INDEXES = 1024
SENTENCES = (  # the tokenizer's words; anything else is spelled out in letters or bytes
    "An image of a robot",
    "Drive around the box on the left to the cup.",
    "Drive around the box on the right to the cup.",
    "Drive around the two boxes on the left and stop at the cup.",
    "Drive around the two boxes on the right and stop at the cup.",
    "Navigate around the obstacle and reach the goal.",
    "컵까지 가세요",
    "왼쪽으로 박스를 돌아 컵까지 가세요",
    "오른쪽으로 박스를 돌아 컵까지 가세요",
    "박스 두 개를 왼쪽으로 돌아서 컵 앞에 멈추세요",
    "박스 두 개를 오른쪽으로 돌아서 컵 앞에 멈추세요",
)


def make_tiny_vlm(folder: str | Path, seed: int = 0, overwrite: bool = False) -> Path:
    """Write a Kosmos-2 of about 0.3 million random weights: config, safetensors, tokenizer, image processor.

    Loads with `AutoProcessor` and `AutoModelForVision2Seq` (transformers 4) or `AutoModelForImageTextToText` (5).

    Args:
        folder: made if absent; must be empty otherwise.
        seed: of the weights.
        overwrite: replace the files of an earlier tiny VLM in it.

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
        _write(partial, seed)
        _put(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


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
    for path in sorted(partial.iterdir(), key=lambda path: path.name == "config.json"):
        os.replace(path, folder / path.name)


def _write(folder, seed):
    tokenizer = _tokenizer()
    vocabulary = len(tokenizer["model"]["vocab"]) + len(TAGS) + PATCH_INDEXES
    config = _config(vocabulary, seed)
    files = {
        "config.json": config,
        "tokenizer.json": tokenizer,
        "tokenizer_config.json": _tokenizer_config(),
        "preprocessor_config.json": _image_processor_config(),
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    _write_weights(folder / "model.safetensors", config, seed)


def _config(vocabulary, seed):
    return {
        "architectures": ["Kosmos2ForConditionalGeneration"],
        "model_type": "kosmos-2",
        "latent_query_num": LATENT_QUERIES,
        "tie_word_embeddings": True,
        "torch_dtype": "float32",
        MARK: {"seed": seed},
        "text_config": {"model_type": "kosmos_2_text_model", "vocab_size": vocabulary, **TEXT},
        "vision_config": {
            "model_type": "kosmos_2_vision_model",
            "image_size": IMAGE_SIZE,
            "patch_size": PATCH,
            **VISION,
        },
    }


def _write_weights(path, config, seed):
    """Weights that keep the variance of their input, so that the image reaches the output, which Kosmos-2's own
    initialisation does not do in so small a model; each tensor drawn from the seed and its own name."""
    import numpy as np
    import torch
    from safetensors.numpy import save
    from transformers import Kosmos2Config, Kosmos2ForConditionalGeneration

    with torch.device("meta"):
        model = Kosmos2ForConditionalGeneration(Kosmos2Config.from_dict(config))
    shapes = {name: tuple(each.shape) for name, each in model.named_parameters()}
    tensors = {}
    for name, shape in sorted(shapes.items()):
        if name.endswith("bias"):
            tensors[name] = np.zeros(shape, np.float32)
        elif NORM.search(name):
            tensors[name] = np.ones(shape, np.float32)
        else:
            rng = np.random.default_rng([seed, *name.encode()])
            spread = EMBEDDING if LOOKUP.search(name) else math.prod(shape[1:]) ** -0.5
            tensors[name] = rng.standard_normal(shape, np.float32) * np.float32(spread)
    path.write_bytes(save(tensors, metadata={"format": "pt"}))


def _tokenizer():
    """A unigram model over whole words of SENTENCES, printable ASCII and bytes, as `tokenizers` stores it."""
    words = Counter("▁" + word for sentence in SENTENCES for word in re.findall(r"\w+", sentence))
    total = sum(words.values())
    vocabulary = [[special, 0.0] for special in SPECIALS]
    vocabulary += [[word, math.log(count / total)] for word, count in sorted(words.items())]
    letters = ["▁", *map(chr, range(33, 127))]
    vocabulary += [[letter, -10.0] for letter in letters if letter not in words]
    vocabulary += [[f"<0x{byte:02X}>", -15.0] for byte in range(256)]
    tags = [*TAGS, *(f"<patch_index_{number:04d}>" for number in range(PATCH_INDEXES))]
    added = [_added(index, name, special=True, lstrip=name == "<mask>") for index, name in enumerate(SPECIALS)]
    added += [_added(len(vocabulary) + index, name, lstrip=True) for index, name in enumerate(tags)]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [{"type": "WhitespaceSplit"}, _metaspace()],
        },
        "post_processor": _template(),
        "decoder": {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, _metaspace()]},
        "model": {"type": "Unigram", "unk_id": 3, "vocab": vocabulary, "byte_fallback": True},
    }


def _metaspace():
    return {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True, "prepend_scheme": "always"}


def _added(number, content, special=False, lstrip=False):
    return {
        "id": number,
        "content": content,
        "single_word": False,
        "lstrip": lstrip,
        "rstrip": False,
        "normalized": False,
        "special": special,
    }


def _template():
    begin, end = ({"SpecialToken": {"id": token, "type_id": 0}} for token in ("<s>", "</s>"))
    first, second = ({"Sequence": {"id": name, "type_id": 0}} for name in "AB")
    return {
        "type": "TemplateProcessing",
        "single": [begin, first, end],
        "pair": [begin, first, end, end, second, end],
        "special_tokens": {
            token: {"id": token, "ids": [SPECIALS.index(token)], "tokens": [token]} for token in ("<s>", "</s>")
        },
    }


def _tokenizer_config():
    return {
        "tokenizer_class": "XLMRobertaTokenizerFast",
        "processor_class": "Kosmos2Processor",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "sep_token": "</s>",
        "cls_token": "<s>",
        "unk_token": "<unk>",
        "pad_token": "<pad>",
        "mask_token": "<mask>",
        "model_max_length": TEXT["max_position_embeddings"],
    }


def _image_processor_config():
    return {
        "image_processor_type": "CLIPImageProcessor",
        "processor_class": "Kosmos2Processor",
        "do_resize": True,
        "size": {"height": IMAGE_SIZE, "width": IMAGE_SIZE},
        "resample": 3,
        "do_center_crop": True,
        "crop_size": {"height": IMAGE_SIZE, "width": IMAGE_SIZE},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
        "do_convert_rgb": True,
    }
