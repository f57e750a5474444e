"""A real adapter folder without a training run: upstream's model on a tiny Kosmos-2, every trained tensor random."""

import copy
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from support.configs import merge, minimal_config

from robovlms_mobile.adapters.contract import contract
from robovlms_mobile.adapters.fingerprint import adapted_weights, fingerprint
from robovlms_mobile.model.lora import is_lora, save_adapters
from robovlms_mobile.policy.building import build

WINDOW, CHUNK = 4, 3


def policy_config(vlm, **overrides):
    """The config of a policy on the model in folder `vlm`."""
    config = merge(minimal_config(Path("nowhere")), {"window_size": WINDOW, "fwd_pred_next_n": CHUNK})
    for block in ("vlm", "tokenizer"):
        config[block]["pretrained_model_name_or_path"] = str(vlm)
    return merge(config, {"model_path": str(vlm), **copy.deepcopy(overrides)})


def randomised(model, seed=0):
    """Give all that is trained values that matter; some start at zero. Returns the model."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if ".lora_B" in name or name.endswith("action_token"):
            parameter.data = torch.randn(parameter.shape, generator=generator) / 10
    return model


def write_policy(folder, vlm, root, told=None, **overrides):
    """Write an adapter folder as a run writes it; `told` is put into its contract. Returns the folder.

    Args:
        root: the checkout, the only one in this process.
        overrides: of the config.
    """
    config = policy_config(vlm, **overrides)
    torch.manual_seed(0)
    model = randomised(build(config, root))
    folder.mkdir(parents=True)
    save_adapters(model.backbone, folder, str(vlm))
    trained = {f"model.{name}": each for name, each in model.named_parameters() if each.requires_grad}
    rest = {name: each.detach().contiguous() for name, each in trained.items() if not is_lora(name)}
    save_file(rest, folder / "policy.safetensors", metadata={"format": "pt"})
    said = contract(config, fingerprint(adapted_weights(model.backbone))) | (told or {})
    (folder / "contract.json").write_text(json.dumps(said))
    (folder / "metrics.json").write_text(json.dumps({"epoch": 0, "monitor": "val_loss", "score": 0.5}))
    return folder
