"""A real adapter folder without a training run: a tiny Kosmos-2 with random adapters, written as a run writes them."""

import json

import torch
from safetensors.torch import save_file
from torch import nn

from robovlms_mobile.adapters.fingerprint import adapted_weights, fingerprint
from robovlms_mobile.model.lora import add_lora, is_lora, save_adapters, target_pattern

HEAD = {"model.act_head.weight": (3, 64), "model.act_head.bias": (3,)}


class Module(nn.Module):
    """What upstream's LightningModule looks like from the outside: `model.backbone` and `model.act_head`."""

    def __init__(self, backbone):
        super().__init__()
        self.model = nn.Module()
        self.model.backbone = backbone
        self.model.act_head = nn.Linear(64, 3)


def kosmos(vlm):
    """The model in folder `vlm`, frozen."""
    from transformers import Kosmos2ForConditionalGeneration

    model = Kosmos2ForConditionalGeneration.from_pretrained(vlm).eval()
    model.requires_grad_(False)
    return model


def adapted(vlm, targets="text", r=4, bias="none", seed=0, spread=0.05):
    """A `Module` with random adapters in it; `spread` is their standard deviation."""
    model = kosmos(vlm)
    pattern = target_pattern(model, model.text_model.model, model.vision_model, targets)
    add_lora(model, pattern, r=r, alpha=2 * r, dropout=0.0, bias=bias)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if is_lora(name) or parameter.requires_grad:
                parameter.copy_(spread * torch.randn(parameter.shape, generator=generator))
    return Module(model)


def write_folder(folder, vlm, trained=None, **options):
    """Write an adapter folder at `folder`; returns it.

    Args:
        trained: tensors for policy.safetensors beside the head's.
        options: of `adapted`.
    """
    module = adapted(vlm, **options)
    folder.mkdir(parents=True)
    save_adapters(module.model.backbone, folder, str(vlm))
    head = {
        name: torch.linspace(-1, 1, 192)[: torch.Size(shape).numel()].reshape(shape) for name, shape in HEAD.items()
    }
    save_file({**head, **(trained or {})}, folder / "policy.safetensors", metadata={"format": "pt"})
    base = fingerprint(adapted_weights(module.model.backbone))
    write_json(folder / "contract.json", {"base_model": str(vlm), "base_fingerprint": base})
    write_json(folder / "metrics.json", {"epoch": 0, "monitor": "val_loss", "score": 0.5})
    (folder / "README.md").write_text("# A card\n")
    return folder


def write_json(path, value):
    path.write_text(json.dumps(value))


def change_json(path, **values):
    """Set keys of a JSON file."""
    write_json(path, {**json.loads(path.read_text()), **values})
