"""A training step of the plugin beside the same step with all that upstream computes for it, in turns."""

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from robovlms_mobile.checkout.location import require_checkout, shipped
from robovlms_mobile.config.load import load_config

PARTS = {"vision": "model_encode_images", "text": "forward", "head": "forward"}  # part → the method that is timed
TEXT = 20  # tokens of an instruction in its prompt
RUN_STEPS = 2  # of a whole run, for each round


def bench_step(
    *, size: str = "tiny", layers: int | None = None, rounds: int = 5, root: str | Path | None = None
) -> dict[str, Any]:
    """Measure a step of the lab's config, batch 1, in fp32: forward, backward, AdamW.

    Args:
        size: "tiny", or "full": Kosmos-2's own width, random weights.
        layers: of each tower, instead of its own number.
        rounds: steps of each kind, one after the other; a first one of each is not counted.
        root: the checkout.

    Returns:
        dict: "model", "layers", "rounds", "device"; "ours" and "upstream" → {"seconds": median of a step, "parts":
        vision, text, head, backward and optimizer → median seconds, "flops" of forward and backward}; "ratio" of
        upstream's to ours: {"seconds", "flops"}; "run", steps of a whole run: see `run_shares.run_shares`.

    Raises:
        CheckoutError: no checkout.
    """
    import torch

    from robovlms_mobile.bench.run_shares import run_shares
    from robovlms_mobile.policy.building import build

    checkout = require_checkout(root)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    told: dict[str, Any] = {"model": size, "layers": layers, "rounds": rounds, "device": device}
    with tempfile.TemporaryDirectory() as folder:
        config = _config(Path(folder) / "base", size, layers)
        told |= _in_turns(build(config, checkout).to(device).train(), device, rounds)
        told["run"] = run_shares(config, checkout, steps=RUN_STEPS * rounds)
    return told


def _in_turns(model, device, rounds):
    """Return the figures of "ours", "upstream" and their "ratio"."""
    step, told = _Step(model, device), {}
    paths: dict[str, Callable] = {"ours": contextlib.nullcontext, "upstream": lambda: as_upstream(model)}
    found: dict[str, Any] = {name: {"steps": [], "flops": 0} for name in paths}
    for number in range(-1, rounds):
        for name, path in paths.items():
            with path():
                if number < 0:
                    found[name]["flops"] = step.flops()
                else:
                    found[name]["steps"].append(step.timed())
    for name, each in found.items():
        parts = {part: median(one[part] for one in each["steps"]) for part in each["steps"][0]}
        told[name] = {"seconds": parts.pop("step"), "parts": parts, "flops": each["flops"]}
    told["ratio"] = {key: told["upstream"][key] / told["ours"][key] for key in ("seconds", "flops")}
    return told


@contextmanager
def as_upstream(model: Any) -> Iterator[None]:
    """Let a backbone compute what upstream does and the plugin leaves out: logits, and a graph of the vision tower."""
    stock: Any = next(each for each in type(model).__mro__ if each.__module__.startswith("robovlms.model.backbone"))
    ours = model.backbone.forward
    model.model_encode_images = stock.model_encode_images.__get__(model)
    model.backbone.forward = lambda **given: model.backbone.text_model(**given)
    try:
        yield
    finally:
        del model.model_encode_images
        model.backbone.forward = ours


def _config(base, size, layers):
    """Return the lab's config in fp32, on a base model that is written to the folder `base`."""
    from robovlms_mobile.policy.building import with_base
    from robovlms_mobile.simulation.tiny_vlm import BLIND, FULL, make_tiny_vlm

    shape = replace(FULL, dtype="float32") if size == "full" else BLIND
    if layers:
        text, vision = {**shape.text, "layers": layers}, {**shape.vision, "num_hidden_layers": layers}
        shape = replace(shape, text=text, vision=vision)
    make_tiny_vlm(base, shape=shape)
    config = with_base(load_config(shipped("configs") / "mobile_vla_lora.json"), base)
    config["mobile"] = {**config["mobile"], "base_dtype": "fp32"}
    config["trainer"] = {**config["trainer"], "precision": "32"}
    return config


class _Step:
    def __init__(self, model, device):
        import torch

        self.model, self.wait = model, torch.cuda.synchronize if device == "cuda" else _nothing
        trained = [each for each in model.parameters() if each.requires_grad]
        self.optimizer = torch.optim.AdamW(trained, lr=1e-4, weight_decay=0)
        window, chunk = model.window_size, model.fwd_pred_next_n
        torch.manual_seed(0)
        labels = (torch.rand(1, window, chunk, 6) - 0.5, torch.zeros(1, window, chunk))
        self.batch = {
            "vision_x": torch.randint(0, 256, (1, window, 3, 224, 224), dtype=torch.uint8).to(device),
            "lang_x": torch.randint(5, 60, (1, TEXT)).to(device),
            "attention_mask": torch.ones(1, TEXT, dtype=torch.bool, device=device),
            "action_labels": tuple(each.to(device) for each in labels),
            "action_mask": torch.ones(1, window, chunk, dtype=torch.bool, device=device),
        }

    def flops(self) -> int:
        from torch.utils.flop_counter import FlopCounterMode

        with FlopCounterMode(display=False) as counter:
            self._loss().backward()
        self.optimizer.zero_grad()
        return counter.get_total_flops()

    def timed(self) -> dict[str, float]:
        """Return seconds of a step and of its parts."""
        seconds: dict[str, float] = {}
        with contextlib.ExitStack() as stack:
            for part, owner in (("vision", self.model), ("text", self.model.backbone), ("head", self.model.act_head)):
                stack.enter_context(self._watched(owner, PARTS[part], part, seconds))
            began = self._now()
            loss = self._loss()
        ahead = self._now()
        loss.backward()
        behind = self._now()
        self.optimizer.step()
        self.optimizer.zero_grad()
        ended = self._now()
        return {**seconds, "backward": behind - ahead, "optimizer": ended - behind, "step": ended - began}

    def _loss(self):
        return self.model(**self.batch, data_source="mobile_vla_action")["loss_arm_act"]

    def _now(self):
        self.wait()
        return time.perf_counter()

    @contextmanager
    def _watched(self, owner, name, part, seconds):
        """Add up how long a method of an object takes."""
        own = vars(owner).get(name)
        stock = getattr(owner, name)

        def watched(*args, **kwargs):
            began = self._now()
            result = stock(*args, **kwargs)
            seconds[part] = seconds.get(part, 0.0) + self._now() - began
            return result

        setattr(owner, name, watched)
        try:
            yield
        finally:
            delattr(owner, name)
            if own is not None:
                setattr(owner, name, own)


def _nothing():
    """A CPU has nothing to wait for."""
