"""Tokenizers and processors, from their config block."""

import transformers


def update_tokenizer(tokenizer, tokenizer_config):
    extra = tokenizer_config.get("additional_special_tokens")
    if extra:
        tokenizer.add_special_tokens({"additional_special_tokens": extra})
    if tokenizer.pad_token is None:
        tokenizer.add_special_tokens({"pad_token": "<PAD>"})
    return tokenizer


def build_tokenizer(tokenizer_config):
    # upstream falls back to the hub and may then replace the folder; the double just fails
    kind, path = tokenizer_config["type"], tokenizer_config.get("pretrained_model_name_or_path")
    local = tokenizer_config.get("use_local_files", False)
    built = getattr(transformers, kind).from_pretrained(path, local_files_only=local, trust_remote_code=True)
    if kind == "AutoProcessor":
        built.tokenizer = update_tokenizer(built.tokenizer, tokenizer_config)
        return built
    return update_tokenizer(built, tokenizer_config)
