"""Teach the tiny Kosmos-2 to see: its own next-token objective on captions that say where boxes and cup are.

No actions and no instructions: what it learns is what a large Kosmos-2 brings along. The same seed, steps and versions
give the same weights; the record beside them says which those were.
"""

import hashlib
import json
import math
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from robovlms_mobile.data.images import normalise
from robovlms_mobile.simulation.captions import AHEAD, ASIDE, WORDS
from robovlms_mobile.simulation.filming import Frames, film
from robovlms_mobile.simulation.tiny_vlm import HALF, RECORD, SEEING, WEIGHTS, make_tiny_vlm

PROMPT = "An image of a robot"  # as upstream's prompt begins
WORLDS = 2880  # rooms to take frames in for training; a tenth as many more are held out
BATCH, RATE, DECAY = 64, 3e-3, 0.01
STEPS = 3600
PAD, END, IGNORED = 1, 2, -100


def pretrain(
    folder: str | Path,
    steps: int = STEPS,
    seed: int = 0,
    overwrite: bool = False,
    worlds: int = WORLDS,
    progress: Callable[[int, float], object] | None = None,
) -> Path:
    """Make a tiny Kosmos-2 in `folder`, pretrain it, and write fp16 weights and `record.json`.

    Args:
        steps: optimizer steps of BATCH frames.
        seed: of frames, order and weights.
        worlds: how many rooms to take frames in.
        progress: called as `progress(step, loss)`.

    Returns:
        Path: the folder. record.json in it has the figures on held-out rooms.
    """
    began = time.monotonic()
    torch.set_num_threads(1)  # the sums, and so the weights, depend on it
    train, held_out = (film(range(first, last), SEEING.image, seed) for first, last in _rooms(worlds))
    folder = make_tiny_vlm(folder, seed, overwrite, SEEING)
    model = _awake(folder)
    prompts = Prompts(folder)
    _train(model, prompts, train, steps, seed, progress)
    record = _record(model, prompts, held_out, steps, seed, worlds, time.monotonic() - began)
    _write(model, folder, record)
    return folder


def _rooms(worlds):
    """The numbers of the rooms to train on and of those held out: (first, last) each."""
    return (0, worlds), (worlds, worlds + max(8, worlds // 10))


class Prompts:
    """Captions as Kosmos-2's input: the image's tokens, upstream's prompt, the caption, the end."""

    def __init__(self, folder: str | Path):
        told = json.loads((Path(folder) / "tokenizer.json").read_text(encoding="utf-8"))
        tags = {tag["content"]: tag["id"] for tag in told["added_tokens"]}
        self.id = {piece.removeprefix("▁"): number for number, (piece, _) in enumerate(told["model"]["vocab"])}
        begin = [0, tags["<image>"], *[PAD] * SEEING.latents, tags["</image>"], tags["<grounding>"]]
        self.begin = begin + [self.id[word] for word in PROMPT.split()]

    def batch(self, captions: list[str]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return input_ids, labels and image_embeds_position_mask, (n, L) int64 each."""
        rows = [[*self.begin, *(self.id[word] for word in text.split()), END] for text in captions]
        ids = np.full((len(rows), max(map(len, rows))), PAD)
        labels = np.full_like(ids, IGNORED)
        for row, known in enumerate(rows):
            ids[row, : len(known)] = known
            labels[row, len(self.begin) : len(known)] = known[len(self.begin) :]
        image = np.zeros_like(ids)
        image[:, 2 : 2 + SEEING.latents] = 1
        return tuple(map(torch.from_numpy, (ids, labels, image)))


def _awake(folder):
    """Load the model with an initialisation that lets geometry through: sines over both axes as positions, and a
    projection that undoes the unit norm Kosmos-2 gives image features."""
    from transformers import Kosmos2ForConditionalGeneration

    model = Kosmos2ForConditionalGeneration.from_pretrained(folder)
    embeddings = model.vision_model.model.embeddings
    with torch.no_grad():
        positions = embeddings.position_embedding.weight
        width, side = positions.shape[1], SEEING.image // SEEING.patch
        waves = 2 ** torch.linspace(0, 3, width // 4) * math.pi / 2
        grid = (torch.arange(side) + 0.5) / side * 2 - 1
        down, across = (axis.reshape(-1, 1) * waves for axis in torch.meshgrid(grid, grid, indexing="ij"))
        positions[1:] = torch.cat([across.sin(), across.cos(), down.sin(), down.cos()], 1)
        embeddings.patch_embedding.weight *= 0.5
        model.image_to_text_projection.dense.weight *= width**0.5
        model.image_to_text_projection.latent_query *= 5
    return model


def _train(model, prompts, frames, steps, seed, progress):
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY, betas=(0.9, 0.98))
    warm = max(20, steps // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm, 0.5 * (1 + math.cos(math.pi * step / steps)) + 0.01)
    )
    order = np.empty(0, int)
    for step in range(steps):
        if len(order) < BATCH:
            order = rng.permutation(len(frames.captions))
        chosen, order = order[:BATCH], order[BATCH:]
        ids, labels, image = prompts.batch([frames.captions[number] for number in chosen])
        pixels = normalise(torch.from_numpy(frames.images[chosen]))
        output = model(pixel_values=pixels, input_ids=ids, image_embeds_position_mask=image, labels=labels)
        optimizer.zero_grad(set_to_none=True)
        output.loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if progress:
            progress(step + 1, output.loss.item())


@torch.no_grad()
def measure(model: torch.nn.Module, prompts: Prompts, frames: Frames) -> dict[str, float]:
    """Return how well captions of `frames` are predicted, each word given the true ones before it.

    Returns:
        dict: `loss` a word (nats), `side_accuracy` of left and right, mean errors in cm: `box_ahead_cm`,
        `box_aside_cm`, `cup_ahead_cm`, `cup_aside_cm` (a word that is no number counts as 999).
    """
    model.eval()
    numbers = {prompts.id[str(value)]: value for value in {*AHEAD, *ASIDE}}
    sides = {prompts.id["left"], prompts.id["right"]}
    losses, right, errors = [], [], {}
    for start in range(0, len(frames.captions), 250):
        captions = frames.captions[start : start + 250]
        ids, labels, image = prompts.batch(captions)
        pixels = normalise(torch.from_numpy(frames.images[start : start + 250]))
        logits = model(pixel_values=pixels, input_ids=ids, image_embeds_position_mask=image).logits[:, :-1]
        losses.append(float(torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels[:, 1:].flatten())))
        guesses = logits.argmax(-1)[:, len(prompts.begin) - 1 :].tolist()
        for text, guess in zip(captions, guesses, strict=True):
            words = text.split()
            for place, word in enumerate(words):
                if prompts.id[word] in sides:
                    right.append(guess[place] == prompts.id[word])
                elif word.isdigit():
                    error = abs(numbers.get(guess[place], 999) - int(word))
                    errors.setdefault(_meaning(words, place), []).append(error)
    figures = {f"{name}_cm": round(float(np.mean(each)), 2) for name, each in sorted(errors.items())}
    return {"loss": round(float(np.mean(losses)), 4), "side_accuracy": round(float(np.mean(right)), 4), **figures}


def _meaning(words, place):
    """What the number at `place` measures: the last thing named before it, ahead or aside."""
    thing = next(word for word in reversed(words[:place]) if word in ("box", "cup"))
    return f"{thing}_{'ahead' if words[place - 1] == thing else 'aside'}"


def _record(model, prompts, held_out, steps, seed, worlds, seconds):
    import transformers

    return {
        "trained_on": "captions of geometry in frames of the synthetic room: no actions, no instructions",
        "command": f"robovlms-mobile tiny-vlm DIR --pretrain {steps} --seed {seed}",
        "steps": steps,
        "batch": BATCH,
        "seed": seed,
        "rooms": worlds,
        "held_out": {"rooms": max(8, worlds // 10), "frames": len(held_out.captions)},
        "figures": measure(model, prompts, held_out),
        "parameters": sum(each.numel() for each in model.parameters()),
        "words": len(WORDS),
        "seconds": round(seconds),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "numpy": np.__version__,
        },
    }


def _write(model, folder, record):
    """Write the weights rounded to fp16 twice: in fp32, as a base model's folder has them, and as they are shipped."""
    from safetensors.numpy import save

    names = {name for name, _ in model.named_parameters()}
    half = {name: each.numpy().astype(np.float16) for name, each in model.state_dict().items() if name in names}
    content = save(half, metadata={"format": "pt"})
    record["sha256"] = hashlib.sha256(content).hexdigest()
    (folder / HALF).write_bytes(content)
    full = {name: each.astype(np.float32) for name, each in half.items()}
    (folder / WEIGHTS).write_bytes(save(full, metadata={"format": "pt"}))
    (folder / RECORD).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
