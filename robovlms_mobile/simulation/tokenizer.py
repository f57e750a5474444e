"""A tokenizer of Kosmos-2's kind for a handful of sentences, as files of the `tokenizers` library. Nothing heavy."""

import math
import re
from collections import Counter

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


def tokenizer(sentences: tuple) -> dict:
    """A unigram model over whole words of `sentences`, printable ASCII and bytes, as `tokenizers` stores it."""
    words = Counter("▁" + word for sentence in sentences for word in re.findall(r"\w+", sentence))
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


def tokenizer_config(length: int) -> dict:
    """Return tokenizer_config.json; `length` is the longest text in tokens."""
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
        "model_max_length": length,
    }
