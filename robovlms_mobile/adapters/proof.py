"""Prove a merge: the base model under its adapters and the merged one get the same input, in float32."""

import gc
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from robovlms_mobile.adapters.base_names import model_class
from robovlms_mobile.adapters.merge import trained_weights
from robovlms_mobile.adapters.reading import Adapters
from robovlms_mobile.errors import ModelError

SEED = 0
TOKENS = 16
FIRST_TOKEN = 4  # the first ids are special ones: begin, padding, end, unknown


@dataclass(frozen=True)
class Probe:
    """How two models' outputs differ, each figure relative to the largest output.

    Attributes:
        difference: largest difference between the merged model and the base under its adapters.
        effect: largest difference between the base under its adapters and the base alone.
        reached: how many of the `adapted` layers the probe ran through.
    """

    difference: float
    effect: float
    reached: int
    adapted: int

    def to_json(self) -> dict:
        """Return the probe as a dict of primitives."""
        return asdict(self)


def compare(base: str | Path, merged: str | Path, adapters: Adapters) -> Probe:
    """Run both models on the same input, one in memory at a time.

    Args:
        base: folder of the base model.
        merged: folder of the merged one.
        adapters: `Adapters` of the folder that PEFT loads.

    Returns:
        Probe.

    Raises:
        ModelError: transformers has no class for the base model.
    """
    expected, plain, reached = _adapted_outputs(base, adapters)
    model = load_float32(merged)
    found = outputs(model, probe_inputs(model))
    largest = expected.abs().max()
    return Probe(
        difference=((found - expected).abs().max() / largest).item(),
        effect=((plain - expected).abs().max() / largest).item(),
        reached=reached,
        adapted=len(adapters.pairs),
    )


def _adapted_outputs(base, adapters):
    """Outputs with adapters and without, and the number of adapted layers that ran."""
    from peft import PeftModel

    model = load_float32(base)
    model.load_state_dict(trained_weights(adapters), strict=False)
    loaded = PeftModel.from_pretrained(model, str(adapters.folder)).eval()
    inputs, ran = probe_inputs(model), set()
    modules = dict(model.named_modules())
    for name in adapters.pairs:
        modules[name].register_forward_hook(lambda *_, name=name: ran.add(name))
    expected = outputs(model, inputs)
    with loaded.disable_adapter():
        plain = outputs(model, inputs)
    del model, loaded, modules
    gc.collect()
    return expected, plain, len(ran)


def load_float32(folder: str | Path) -> torch.nn.Module:
    """Load a model with the class that its config.json names, as float32, for inference. Raises ModelError."""
    kind: Any = model_class(folder)
    try:
        model = kind.from_pretrained(str(folder), low_cpu_mem_usage=True, local_files_only=True)
    except Exception as error:  # transformers raises nearly anything for a broken folder
        raise ModelError(f"{folder} does not load with transformers: {type(error).__name__}: {error}") from error
    return model.float().eval()


def probe_inputs(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Return seeded keyword arguments for a model: token ids, for Kosmos-2 with an image, so that all of it runs."""
    config, generator = model.config, torch.Generator().manual_seed(SEED)
    latent = config.latent_query_num if config.model_type == "kosmos-2" else 0
    vocabulary = model.get_input_embeddings().weight.shape[0]
    inputs = {"input_ids": torch.randint(FIRST_TOKEN, vocabulary, (1, latent + TOKENS), generator=generator)}
    if latent:
        side = config.vision_config.image_size
        inputs["pixel_values"] = torch.randn((1, 3, side, side), generator=generator)
        inputs["image_embeds_position_mask"] = (torch.arange(latent + TOKENS) < latent).long()[None]
    return inputs


def outputs(model: torch.nn.Module, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return a model's first output as float32, logits where it has them."""
    with torch.no_grad():
        result = model(**inputs)
    return (result.logits if hasattr(result, "logits") else result[0]).float()
