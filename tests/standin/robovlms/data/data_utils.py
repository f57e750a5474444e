"""Text prompts, image stacks and action ranges."""

import functools

import numpy as np
import torch

PROMPTS = {
    "kosmos": "<grounding>An image of a robot {}",
    "llava": "{}",
    "qwen": "{}",
    "uform": "<image> {}",
    "default": "<|endoftext|>{}",
}


def _tokenize(sample, tokenizer, prompt):
    # list of B strings → (B, L) ids, (B, L) mask
    tokenizer.padding_side = "right"
    texts = [prompt.format(text.strip()) for text in sample]
    out = tokenizer(texts, truncation="only_first", return_tensors="pt", padding="longest", max_length=512)
    return out["input_ids"], out["attention_mask"]


def get_text_function(tokenizer, tokenizer_type, max_length=256):
    prompt = PROMPTS.get(tokenizer_type, PROMPTS["default"])
    return functools.partial(_tokenize, tokenizer=tokenizer, prompt=prompt)


def preprocess_image(sample, image_processor, model_type):
    # list of W PIL images → (W, 3, H, W')
    if model_type.lower() == "paligemma":
        return torch.cat([image_processor(images=s, return_tensors="pt")["pixel_values"] for s in sample])
    return torch.stack([image_processor(s) for s in sample])


def normalize_action(action, action_min=-1, action_max=1, maintain_last=False):
    # clips first, so what lies outside the bounds is lost; then bounds → [-1, 1]
    scaled = 2 * (np.clip(action, action_min, action_max) - action_min) / (action_max - action_min) - 1
    if maintain_last:
        scaled[..., -1] = action[..., -1]
    return scaled
