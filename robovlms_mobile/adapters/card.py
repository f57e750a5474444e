"""The model card of an adapter folder, README.md with the front matter a model hub reads."""

import re
from pathlib import Path

WITHOUT_ADAPTERS = [
    "There are no LoRA adapters: `policy.safetensors` holds every trained tensor under its name in RoboVLMs,",
    "`contract.json` says what the robot must know.",
]
HUB = re.compile(r"https?://huggingface\.co/([\w.-]+/[\w.-]+?)(?:\.git)?/?")


def model_card(configs: dict, contract: dict, metrics: dict) -> str:
    """Return the card as text: how the adapters were trained, what they expect, how to load them.

    Args:
        configs: the run's config.
        contract: its contract, see `robovlms_mobile.adapters.contract`.
        metrics: row of its losses, with "monitor" and "score".
    """
    base, lora = _hub_id(configs.get("model_url"), contract["base_model"]), configs["train_setup"].get("lora_enable")
    front = ["---", *([f"base_model: {base}"] if base else []), *(["library_name: peft"] if lora else [])]
    front += ["pipeline_tag: robotics", "tags:", *(["- lora"] if lora else []), "- robotics"]
    front += ["- vision-language-action", "- robovlms", "---"]
    setup, action, image = configs["train_setup"], contract["action"], contract["image"]
    units = "; ".join(f"{dim} in {unit}" for dim, unit in action["units"].items())
    losses = [f"- {name}: {metrics[name]:.4f}" for name in ("train_loss", "val_loss") if metrics[name] is not None]
    body = [
        f"# {configs['task_name']}: {configs.get('exp_name')}, epoch {metrics['epoch'] + 1}",
        "",
        f"{_what(setup)} ({configs['act_head']['type']}) for {configs['robovlm_name']}, trained with robovlms-mobile.",
        "",
        f"- actions: {action['chunk']} steps of {units}; -1 and 1 mean {action['low']} and {action['high']}",
        f"- input: the last {image['window']} frames, {image['size']}x{image['size']} pixels, and an instruction",
        *losses,
        "",
        *(_with_peft(base or contract["base_model"]) if lora else WITHOUT_ADAPTERS),
    ]
    return "\n".join([*front, "", *body, ""])


def _what(setup):
    if setup.get("lora_enable"):
        lora = f"r {setup['lora_r']}, alpha {setup['lora_alpha']}, dropout {setup['lora_dropout']}"
        return f"LoRA adapters ({lora}) and policy head"
    return "Policy head" if setup["freeze_backbone"] else "Fully finetuned model with policy head"


def _with_peft(base):
    return [
        "`adapter_model.safetensors` loads with PEFT onto the base model, `policy.safetensors` holds the head and",
        "every other trained tensor under its name in RoboVLMs, `contract.json` says what the robot must know.",
        "",
        "```python",
        "from peft import PeftModel",
        "from transformers import AutoModelForImageTextToText",
        "",
        f'base = AutoModelForImageTextToText.from_pretrained("{base}")',
        'model = PeftModel.from_pretrained(base, "THIS FOLDER")',
        "```",
    ]


def _hub_id(url, folder):
    """Return the base model's id on the hub, None where its folder is not named after what `model_url` leads to."""
    hub = HUB.fullmatch(str(url))
    return hub[1] if hub and hub[1].rpartition("/")[2] == Path(folder).name else None
