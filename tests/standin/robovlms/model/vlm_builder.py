"""The base model and its tokenizer or processor."""

import transformers

from robovlms.utils.model_utils import build_tokenizer


def build_vlm(vlm_config, tokenizer_config, precision="bf16"):
    kind = vlm_config.get("type", "AutoModel")
    path = vlm_config.get("pretrained_model_name_or_path")
    model = getattr(transformers, kind).from_pretrained(path, trust_remote_code=True)
    return build_tokenizer(tokenizer_config), model
