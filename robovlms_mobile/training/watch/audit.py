"""Do the picture and the instruction reach the action? Asked of the real model, on a real sample, before it trains.

A policy that is deaf or blind trains to a low loss all the same: whoever mends Kosmos-2's forward by hand easily
overwrites the instruction with image tokens, or cuts the picture's gradient, and sees it months later on the robot.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.seed import isolate_rng

from robovlms_mobile.data.dataset import MobileVLAH5Dataset
from robovlms_mobile.data.instructions import instruction_for
from robovlms_mobile.training.resume.probe_batch import undisturbed

SCALE = 2.0**10  # of the gradients asked for: FP16 would round small ones to zero, and has none above 65504
OTHER_SIDE = {"left": "right", "right": "left", "왼": "오른", "오른": "왼"}
ANOTHER = "Turn right and stop."


@dataclass
class Audit:
    """What an audit found.

    Attributes:
        faults: what does not reach the action, a sentence each.
        unchecked: what could not be asked of this model, and why.
        doubts: what in the data keeps a policy from listening, though the model could.
        tokens: "image" and "instruction" → how many tokens have a gradient from the action.
        seconds: that it took.
    """

    faults: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    tokens: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def reached(self) -> str:
        """What reaches the action, in words; empty where something does not, or nothing was counted."""
        tokens = " and ".join(f"{count} {name} tokens" for name, count in self.tokens.items())
        return f"{tokens} reach the action ({self.seconds:.1f} s)" if tokens and not self.faults else ""


def audit(
    module: LightningModule,
    dataset: MobileVLAH5Dataset,
    place: Callable[[dict], dict] = dict,
    context: Callable[[], AbstractContextManager] = nullcontext,
) -> Audit:
    """Send a sample of `dataset` through the module's own training step, as it is and changed.

    Args:
        module: upstream's.
        dataset: one with a `collater`.
        place: moves a batch to where the model is.
        context: of a training step, e.g. autocast.

    Weights, their gradients, modes and random numbers are afterwards as before.
    """
    found, start = Audit(), time.perf_counter()

    def step(sample):
        with context():
            module.training_step(place(dict(dataset.collater([sample]))), 0)

    with isolate_rng(), undisturbed(module):
        sample = dataset.window(_index(dataset))
        if _gradients(found, module, step, sample, dataset.collater([sample])):
            _changes(found, module, step, sample, dataset)
    found.doubts += _for_both_sides(getattr(dataset, "episodes", ()), dataset)
    if hasattr(module.model.act_head, "reset"):
        module.model.act_head.reset()  # a window of one frame is history to it
    found.seconds = time.perf_counter() - start
    return found


def another_text(text: str) -> str:
    """Return an instruction with left and right swapped; where there is neither, one that it is not."""
    swapped = re.sub("left|right|왼|오른", lambda side: OTHER_SIDE[side[0]], text)
    return swapped if swapped != text else ANOTHER


def _index(dataset):
    """Return the number of a window whose instruction has a side in it, 0 where none has."""
    texts = (instruction_for(episode, dataset.block.instruction) for episode, _ in dataset.samples)
    return next((number for number, text in enumerate(texts) if another_text(text) != ANOTHER), 0)


def _for_both_sides(episodes, dataset):
    """Yield that left and right have one instruction: whoever is told it cannot know which is meant."""
    sides = {}
    for each in episodes:
        text = instruction_for(each, dataset.block.instruction)
        sides.setdefault(text, set()).update({"left", "right"} & set((each.scenario or "").split("_")))
    for text in sorted(text for text, known in sides.items() if len(known) > 1):
        what = "episodes that pass left and episodes that pass right have one instruction"
        yield f"{what}, {text!r}: a policy cannot be told a side by it"


def _gradients(found, module, step, sample, batch):
    """Look which tokens have a gradient from the action. False where the action cannot depend on anything yet."""
    model = module.model
    # layers that are computed a second time in the backward pass do so in training mode only
    model.text_tower.train(module.configs["train_setup"].get("gradient_checkpointing") is True)
    with _taps(model, batch["text"].shape[1]) as tap, torch.enable_grad():
        step(sample)
    if "read" not in tap:
        found.unchecked.append("its act_head is not called in a training step")
        return False
    leaves = {name: tap[name] for name in ("image", "text", "read") if name in tap and tap[name].requires_grad}
    arm = tap["said"]
    weights = torch.linspace(0.5, 1.5, arm.numel(), device=arm.device).view_as(arm)  # no two cancel each other out
    goal = SCALE * (arm.float() * weights).sum()
    reached = dict(zip(leaves, torch.autograd.grad(goal, list(leaves.values()), materialize_grads=True), strict=True))
    module.eval()
    if not all(each.isfinite().all() for each in reached.values()):
        found.unchecked.append("its gradients are not finite at this precision")
        return True
    if "read" in reached and not reached["read"].any():
        found.unchecked.append("the act_head's output does not depend on its input yet, a layer of it is 0")
        return False
    _judge_image(found, model, tap, reached)
    _judge_text(found, model, tap, reached, batch)
    return True


def _judge_image(found, model, tap, reached):
    if "image" not in tap:
        found.unchecked.append("the picture's gradient: this backbone does not encode pictures by encode_images")
        return
    has = _tokens_with(reached["image"])  # (n,)
    found.tokens["image"] = int(has.sum())
    if not has.all():
        from robovlms_mobile.training.watch.unheard import of_the_picture

        found.faults.append(of_the_picture((~has).nonzero().flatten().tolist(), len(has)))
    if any(each.requires_grad for each in model.vision_tower.parameters()) and not tap["trains"]:
        found.faults.append("the vision tower is to be trained and gets no gradient: its features are detached")


def _judge_text(found, model, tap, reached, batch):
    if "text" not in tap:
        found.unchecked.append("the instruction's gradient: this backbone does not embed words by word_embedding")
        return
    has = _tokens_with(reached["text"])  # (L,)
    judged = batch["text_mask"][0].bool().cpu()
    if model.tokenizer.eos_token is not None:
        judged = judged & (judged.cumsum(0) < judged.sum())  # the action token stands before the last one
    found.tokens["instruction"] = int((has & judged).sum())
    missing = (judged & ~has).nonzero().flatten().tolist()
    if missing:
        from robovlms_mobile.training.watch.unheard import of_the_instruction

        words = map(str, model.tokenizer.convert_ids_to_tokens(batch["text"][0][missing].tolist()))
        found.faults.append(of_the_instruction(list(words), int(judged.sum())))


def _changes(found, module, step, sample, dataset):
    """Whether another instruction, and another picture, make another action."""

    def said(changed):
        with _taps(module.model, 0) as tap, torch.no_grad():
            step(changed)
        return tap["said"].float()

    before = said(sample)
    noise = (said(sample) - before).abs().max()  # of a GPU that adds up in another order each time
    text = sample["raw_text"]
    other = {**sample, "raw_text": another_text(text)}
    asked = f"{text!r} and {other['raw_text']!r}"
    if torch.equal(dataset.collater([sample])["text"], dataset.collater([other])["text"]):
        found.faults.append(f"the instruction never gets to the model: {asked} become the same tokens")
    elif (said(other) - before).abs().max() <= noise:
        found.faults.append(f"the instruction does not change the action: {asked} give the same")
    pixels = sample["rgb"]
    inverted = 255 - pixels if pixels.dtype == torch.uint8 else -pixels
    if (said({**sample, "rgb": inverted}) - before).abs().max() <= noise:
        found.faults.append("the picture does not change the action: a frame and its negative give the same")


@contextmanager
def _taps(model: Any, length: int) -> Iterator[dict]:
    """Take out, while a step runs, where words and pictures come in and what the head reads and says.

    Yields:
        dict: "text" (·, L, D) and "image" (·, n, D), leaves put in place of what was embedded; "trains", whether the
        features had a gradient of their own; "read" and "said", the head's input and what of its output is learned.
        What is not met is absent.
    """
    tap: dict[str, Any] = {}
    encode, own = getattr(model, "encode_images", None), model.__dict__.get("encode_images")

    def words(module, inputs, output):
        if "text" not in tap and torch.is_grad_enabled() and output.shape[1:2] == (length,):
            tap["text"] = output.detach().requires_grad_()
            return tap["text"].clone()  # a leaf may not be written into

    def head(module, inputs, output):
        tap.update(read=inputs[0], said=_learned(module, output))

    def pictures(*args, **kwargs):
        features = encode(*args, **kwargs)
        if not torch.is_grad_enabled():
            return features
        tap["trains"], tap["image"] = features.requires_grad, features.detach().requires_grad_()
        return tap["image"].clone()

    with model.word_embedding.register_forward_hook(words), model.act_head.register_forward_hook(head):
        if encode is not None:
            model.encode_images = pictures
        try:
            yield tap
        finally:
            model.__dict__.pop("encode_images", None)
            if own is not None:
                model.encode_images = own


def _learned(head, said):
    """What of a head's output its loss is of: the arm, or what the head itself says is `learned`."""
    return said[getattr(head, "learned", 0)] if isinstance(said, tuple | list) else said


def _tokens_with(gradient):
    """Return which tokens have a gradient in any frame: (…, n, D) → (n,) bool."""
    return (gradient != 0).any(-1).reshape(-1, gradient.shape[-2]).any(0).cpu()
