"""LoRA adapters in a frozen model through PEFT: where they go, what stays trainable, how they are written.

Knows torch modules and PEFT, nothing of upstream.
"""

import os
import re

import torch
from torch import nn

from robovlms_mobile.model.precision import on_disk

ADAPTER = "default"
PREFIX = "base_model.model."  # what PeftModel puts before every name
ATTENTION = re.compile(r"attn|attention", re.IGNORECASE)


def linears(model: nn.Module) -> dict[str, nn.Module]:
    """Return all linear layers LoRA can wrap, by name, without the output embedding (lm_head)."""
    head = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
    attention = [module for module in model.modules() if isinstance(module, nn.MultiheadAttention)]
    others = {head, *(child for module in attention for child in module.modules())}
    found = {name: module for name, module in model.named_modules() if _is_linear(module) and module not in others}
    return {name: module for name, module in found.items() if not name.endswith("lm_head")}


def _is_linear(module):
    return isinstance(module, nn.Linear) or type(module).__name__ == "Conv1D"


def text_layer_names(model: nn.Module, text_tower: nn.Module, vision_tower: nn.Module) -> list[str]:
    """Return the names of the linears in the text tower's layers, its attention and MLP blocks.

    A layer is an element of a ModuleList; a projection between the towers is in none. Some text towers hold the
    vision tower inside them: what belongs to that is left out.
    """
    vision = set(vision_tower.modules())
    stacks = [each for each in text_tower.modules() if isinstance(each, nn.ModuleList) and each not in vision]
    layers = {module for stack in stacks for module in stack.modules()} - vision
    return [name for name, module in linears(model).items() if module in layers]


def target_pattern(model: nn.Module, text_tower: nn.Module, vision_tower: nn.Module, targets: str = "text") -> str:
    """Return the regex PEFT matches module names with.

    Args:
        targets: "text" (attention and MLP of the text model), "attention" (its attention only), "all" (every linear,
            vision too), or a regex of the user's. Never lm_head.

    Raises:
        ModelError: nothing matches; lists what there is.
    """
    if targets in ("text", "attention"):
        names = text_layer_names(model, text_tower, vision_tower)
        found = {_generalised(name) for name in names if targets == "text" or ATTENTION.search(name.rpartition(".")[0])}
    elif targets == "all":
        found = set(map(_generalised, linears(model)))
    else:
        from robovlms_mobile.model.own_targets import matching

        found = set(map(re.escape, matching(targets, linears(model))))
    if not found:
        from robovlms_mobile.model.own_targets import no_match

        raise no_match(targets, map(_generalised, linears(model)))
    return "|".join(sorted(found))


def _generalised(name):
    """`text_model.model.layers.3.ffn.fc1` → a regex for that linear in every layer."""
    return re.sub(r"(?<=\\\.)\d+(?=\\\.)", r"\\d+", re.escape(name))


def add_lora(model: nn.Module, pattern: str, *, r: int, alpha: int, dropout: float, bias: str = "none") -> None:
    """Put LoRA adapters into `model`, in place. What was trainable before stays trainable.

    Args:
        pattern: regex from `target_pattern`.
        r, alpha, dropout, bias: PEFT's `LoraConfig` arguments of these names.
    """
    from peft import LoraConfig, inject_adapter_in_model

    trainable = {parameter for parameter in model.parameters() if parameter.requires_grad}
    config = LoraConfig(r=r, lora_alpha=alpha, lora_dropout=dropout, bias=bias, target_modules=pattern)
    weights = {parameter: parameter.data for parameter in model.parameters()}
    for parameter, data in weights.items():  # PEFT rounds adapters to their weight's precision; a step needs fp32
        parameter.data = torch.zeros((), device=data.device).expand(data.shape)
    inject_adapter_in_model(config, model, adapter_name=ADAPTER)
    for parameter, data in weights.items():
        parameter.data = data
        parameter.requires_grad_(parameter.requires_grad or parameter in trainable)


def is_lora(name: str) -> bool:
    """True for the name of an adapter's parameter."""
    return ".lora_" in name


def has_lora(model: nn.Module) -> bool:
    """True when `add_lora` was called on the model."""
    return ADAPTER in (getattr(model, "peft_config", None) or {})


def save_adapters(model: nn.Module, folder: str | os.PathLike, base_model: str, dtype: str = "F32") -> None:
    """Write `adapter_config.json` and `adapter_model.safetensors` into `folder`.

    Args:
        base_model: path or hub name of the model these adapters belong to.
        dtype: safetensors' name of their precision, F32, F16 or BF16.

    Raises:
        CheckpointError: a value that the precision cannot hold.
    """
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    config = model.peft_config[ADAPTER]
    config.base_model_name_or_path = base_model
    config.inference_mode = True
    config.save_pretrained(str(folder))
    config.inference_mode = False
    state = get_peft_model_state_dict(model, adapter_name=ADAPTER)
    tensors = {PREFIX + name: on_disk(name, tensor, dtype) for name, tensor in state.items()}
    save_file(tensors, f"{folder}/adapter_model.safetensors", metadata={"format": "pt"})
