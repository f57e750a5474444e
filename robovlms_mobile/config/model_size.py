"""Estimate from a config alone how many parameters a run trains. Arithmetic on sizes: no model, no torch."""

import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from robovlms_mobile.data.directions import DIRECTIONS
from robovlms_mobile.errors import ConfigError

KOSMOS2 = {"embed_dim": 2048, "layers": 24, "ffn_dim": 8192}  # microsoft/kosmos-2-patch14-224's text model
ATTENTION_LINEARS = 4  # query, key, value, output
MLP = (1024, 512, 256)  # hidden sizes of the small network behind every policy head of upstream


@dataclass(frozen=True)
class Estimate:
    """Trainable parameters, by part.

    Attributes:
        lora, head: how many; None where the config does not let one say, and `why` tells.
        sizes_from: where the text model's sizes come from, in words.
        why: what is left out and why, "" when nothing is.
    """

    lora: int | None
    head: int | None
    sizes_from: str
    why: str

    @property
    def total(self) -> int | None:
        """LoRA and head together, None where either is unknown."""
        return None if self.lora is None or self.head is None else self.lora + self.head


def estimate(config: dict) -> Estimate:
    """Return the `Estimate` for a config dict as `load_config` gives it.

    Raises:
        ConfigError: the model folder's config.json cannot be read.
    """
    sizes, source = _text_sizes(config)
    lora, why_lora = _lora(config, sizes)
    head, why_head = _head(config, sizes["embed_dim"])
    return Estimate(lora, head, source, " ".join(filter(None, (why_lora, why_head))))


def _text_sizes(config):
    folder = Path((config.get("vlm") or {}).get("pretrained_model_name_or_path") or config.get("model_path") or "")
    path = folder / "config.json"
    if path.is_file():
        try:
            text = json.loads(path.read_text(encoding="utf-8")).get("text_config") or {}
        except (OSError, ValueError, AttributeError) as error:
            raise ConfigError(
                f"{path} is not a model's config.json ({error}).", "Fetch the base model again."
            ) from error
        if set(KOSMOS2) <= set(text):
            return {key: int(text[key]) for key in KOSMOS2}, f"read from {path}"
    return dict(KOSMOS2), "those of Kosmos-2, since the model folder is not here or says nothing"


def _lora(config, sizes):
    setup = config.get("train_setup") or {}
    if not setup.get("lora_enable"):
        return (0, "") if setup.get("freeze_backbone") else (None, "Without LoRA the whole base model is trained.")
    targets = ((config.get("mobile") or {}).get("lora") or {}).get("targets", "text")
    if targets not in ("text", "attention") or not setup.get("freeze_backbone"):
        return None, "Adapters are estimated for a frozen backbone and lora.targets text or attention only."
    wide, inner = sizes["embed_dim"], sizes["ffn_dim"]
    both_ends = ATTENTION_LINEARS * 2 * wide + (2 * (wide + inner) if targets == "text" else 0)
    return setup.get("lora_r", 0) * both_ends * sizes["layers"], ""


def _head(config, wide):
    head = config.get("act_head") or {}
    kind, latent = head.get("type") or "none", head.get("latent", 1)
    hidden, given = head.get("hidden_size", 1024) * latent, wide * latent
    if kind.endswith(("LSTMDecoder", "KeyDecoder")):
        inputs = [given] + [hidden] * (head.get("num_layers", 4) - 1)
        body = sum(4 * hidden * (width + hidden + 2) for width in inputs)  # four gates, two biases
    elif kind.endswith("FCDecoder"):
        body = _linears((given, given // 2, hidden))
    else:
        return None, f"No estimate for a policy head of type {kind}."
    each = len(DIRECTIONS) if kind.endswith("KeyDecoder") else head.get("action_dim", 7) - 1
    actions = config.get("fwd_pred_next_n", 10) * each
    stock_gripper = 0 if kind.startswith("Mobile") else _linears((hidden, *MLP, config.get("fwd_pred_next_n", 10)))
    return body + _linears((hidden, *MLP, actions)) + stock_gripper, ""


def _linears(widths):
    return sum((a + 1) * b for a, b in pairwise(widths))
