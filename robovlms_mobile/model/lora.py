"""LoRA adapters in a frozen model through PEFT: where they go, what stays trainable, how they are written.

Knows torch modules and PEFT, nothing of upstream.
"""

import os
import re

import torch
from torch import nn

from robovlms_mobile.errors import ModelError
from robovlms_mobile.model.precision import converted

ADAPTER = "default"
PREFIX = "base_model.model."  # what PeftModel puts before every name
ATTENTION = re.compile(r"attn|attention", re.IGNORECASE)


def linear_names(model: nn.Module) -> list[str]:
    """Return the names of all linear layers LoRA can wrap, without the output embedding (lm_head)."""
    head = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
    inside = {
        id(child)
        for parent in model.modules()
        if isinstance(parent, nn.MultiheadAttention)
        for child in parent.modules()
    }
    return [
        name
        for name, module in model.named_modules()
        if _is_linear(module) and module is not head and id(module) not in inside and not name.endswith("lm_head")
    ]


def _is_linear(module):
    return isinstance(module, nn.Linear) or type(module).__name__ == "Conv1D"


def text_layer_names(model: nn.Module, text_tower: nn.Module, vision_tower: nn.Module) -> list[str]:
    """Return the names of the linears in the text tower's layers, its attention and MLP blocks.

    A layer is an element of a ModuleList; a projection between the towers is in none. Some text towers hold the
    vision tower inside them: what belongs to that is left out.
    """
    vision = {id(module) for module in vision_tower.modules()}
    layers = {
        id(module)
        for stack in text_tower.modules()
        if isinstance(stack, nn.ModuleList) and id(stack) not in vision
        for module in stack.modules()
    }
    modules = dict(model.named_modules())
    return [name for name in linear_names(model) if id(modules[name]) in layers and id(modules[name]) not in vision]


def target_pattern(model: nn.Module, text_tower: nn.Module, vision_tower: nn.Module, targets: str = "text") -> str:
    """Return the regex PEFT matches module names with.

    Args:
        targets: "text" (attention and MLP of the text model), "attention" (its attention only), "all" (every linear,
            vision too), or a regex of the user's. Never lm_head.

    Raises:
        ModelError: nothing matches; lists what there is.
    """
    text = text_layer_names(model, text_tower, vision_tower)
    known = {
        "text": lambda: text,
        "attention": lambda: [name for name in text if ATTENTION.search(name.rpartition(".")[0])],
        "all": lambda: linear_names(model),
    }
    names = known[targets]() if targets in known else _matching(targets, linear_names(model))
    if not names:
        examples = sorted({_generalised(name) for name in linear_names(model)})[:12]
        raise ModelError(
            f"mobile.lora.targets {targets!r} matches no linear layer. Use text, attention, all, or a regex that fully "
            f"matches names like: {', '.join(examples)}"
        )
    return "|".join(sorted({(_generalised if targets in known else re.escape)(name) for name in names}))


def _matching(regex, names):
    try:
        return [name for name in names if re.fullmatch(regex, name)]
    except re.error as error:
        raise ModelError(f"mobile.lora.targets {regex!r} is not a regular expression: {error}") from error


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

    trainable = {id(parameter) for parameter in model.parameters() if parameter.requires_grad}
    config = LoraConfig(r=r, lora_alpha=alpha, lora_dropout=dropout, bias=bias, target_modules=pattern)
    inject_adapter_in_model(config, model, adapter_name=ADAPTER)
    for name, parameter in model.named_parameters():
        if is_lora(name):
            parameter.data = parameter.data.to(torch.float32)  # an optimizer step in half precision rounds to nothing
        elif id(parameter) in trainable:
            parameter.requires_grad_(True)


def is_lora(name: str) -> bool:
    """True for the name of an adapter's parameter."""
    return ".lora_" in name


def has_lora(model: nn.Module) -> bool:
    """True when `add_lora` was called on the model."""
    return ADAPTER in (getattr(model, "peft_config", None) or {})


def adapter_tensors(model: nn.Module, dtype: str = "F32") -> dict[str, torch.Tensor]:
    """Return the adapters as `PeftModel.from_pretrained` reads them: dict of name → CPU tensor, contiguous.

    Args:
        dtype: safetensors' name of their precision, F32, F16 or BF16.

    Raises:
        CheckpointError: a value that the precision cannot hold.
    """
    from peft import get_peft_model_state_dict

    state = get_peft_model_state_dict(model, adapter_name=ADAPTER)
    return {PREFIX + name: converted(name, tensor.detach(), dtype).cpu().contiguous() for name, tensor in state.items()}


def save_adapters(model: nn.Module, folder: str | os.PathLike, base_model: str, dtype: str = "F32") -> None:
    """Write `adapter_config.json` and `adapter_model.safetensors` into `folder`.

    Args:
        base_model: path or hub name of the model these adapters belong to.
        dtype: as for `adapter_tensors`.
    """
    from safetensors.torch import save_file

    config = model.peft_config[ADAPTER]
    config.base_model_name_or_path = base_model
    config.inference_mode = True
    config.save_pretrained(str(folder))
    config.inference_mode = False
    save_file(adapter_tensors(model, dtype), f"{folder}/adapter_model.safetensors", metadata={"format": "pt"})
