"""The model card of an adapter folder, README.md with the front matter a model hub reads."""

import re
from pathlib import Path

HUB = re.compile(r"https?://huggingface\.co/([\w.-]+/[\w.-]+?)(?:\.git)?/?")


def model_card(configs: dict, contract: dict, metrics: dict) -> str:
    """Return the card as text: how the adapters were trained, what they expect, how to load them.

    Args:
        configs: the run's config.
        contract: its contract, see `robovlms_mobile.adapters.contract`.
        metrics: row of its losses, with "monitor" and "score".
    """
    base, lora = _hub_id(configs.get("model_url"), contract["base_model"]), configs["train_setup"].get("lora_enable")
    losses = [f"- {name}: {metrics[name]:.4f}\n" for name in ("train_loss", "val_loss") if metrics[name] is not None]
    return _text("card").format(
        **{**contract, "configs": configs, "name": configs.get("exp_name"), "epoch": metrics["epoch"] + 1},
        front=(f"base_model: {base}\n" if base else "") + ("library_name: peft\n" if lora else ""),
        tag="- lora\n" if lora else "",
        what=_what(configs["train_setup"]),
        units="; ".join(f"{dim} in {unit}" for dim, unit in contract["action"]["units"].items()),
        losses="".join(losses),
        how=_text("with_adapters" if lora else "without_adapters").replace("BASE", base or contract["base_model"]),
    )


def _text(name):
    return Path(__file__).with_name(f"{name}.md").read_text(encoding="utf-8")


def _what(setup):
    if setup.get("lora_enable"):
        lora = f"r {setup['lora_r']}, alpha {setup['lora_alpha']}, dropout {setup['lora_dropout']}"
        return f"LoRA adapters ({lora}) and policy head"
    return "Policy head" if setup["freeze_backbone"] else "Fully finetuned model with policy head"


def _hub_id(url, folder):
    """Return the base model's id on the hub, None where its folder is not named after what `model_url` leads to."""
    hub = HUB.fullmatch(str(url))
    return hub[1] if hub and hub[1].rpartition("/")[2] == Path(folder).name else None
