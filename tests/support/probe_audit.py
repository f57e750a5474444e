"""Run in a process of its own: audits of a tiny Kosmos-2 that works, and of the ways in which one is deaf or blind.

Arguments: the checkout, a folder with a tiny Kosmos-2, a folder of episodes. Prints JSON: case → what `audit` found,
and "untouched", what an audit changed of the model and of random numbers, which is nothing.
"""

import dataclasses
import json
import random
import sys
from pathlib import Path

import numpy as np
import torch
from support.configs import minimal_config
from torch import nn


def build(vlm, checkpointing=False):
    from robovlms.train.base_trainer import BaseTrainer

    config = minimal_config(Path(vlm))
    config["model_path"] = vlm
    for block in ("vlm", "tokenizer"):
        config[block]["pretrained_model_name_or_path"] = vlm
    config["train_setup"]["gradient_checkpointing"] = checkpointing
    torch.manual_seed(0)
    return BaseTrainer(configs=config)


def data(module, episodes, **block):
    import functools

    from robovlms_mobile.data.dataset import MobileVLAH5Dataset

    model = module.model
    return MobileVLAH5Dataset(
        data_dir=episodes,
        window_size=4,
        fwd_pred_next_n=10,
        image_size=224,
        norm_action=True,
        norm_min=-1.15,
        norm_max=1.15,
        is_training=True,
        tokenizer=model.tokenizer,
        tokenizer_config={"tokenizer_type": "kosmos"},
        image_fn=functools.partial(dict, image_processor=model.image_processor),
        **block,
    )


def overwritten(module, dataset):
    """What a lab did for a Kosmos-2 that refuses embeddings: image tokens from position 0 on, under the text's mask."""
    kosmos, stock = module.model.backbone, module.model.backbone.forward
    count = kosmos.config.latent_query_num

    def forward(inputs_embeds, attention_mask, **kwargs):
        image, text = inputs_embeds[:, 1 : 1 + count], inputs_embeds[:, 1 + count :]
        merged = torch.cat([image.detach(), text[:, count - 1 :], text[:, -count:]], 1)
        mask = torch.cat([attention_mask[:, : text.shape[1] - 2], torch.zeros_like(attention_mask[:, :3])], 1)
        mask[:, -2] = 1  # the action token sees itself
        mask = torch.nn.functional.pad(mask, (merged.shape[1] - mask.shape[1], 0), value=1)
        return stock(inputs_embeds=merged, attention_mask=mask, **kwargs)

    kosmos.forward = forward


def detached(module, dataset):
    kosmos, stock = module.model.backbone, module.model.backbone.forward
    count = kosmos.config.latent_query_num

    def forward(inputs_embeds, **kwargs):
        parts = inputs_embeds.split([1, count, inputs_embeds.shape[1] - 1 - count], 1)
        return stock(inputs_embeds=torch.cat([parts[0], parts[1].detach(), parts[2]], 1), **kwargs)

    kosmos.forward = forward


def half_masked(module, dataset):
    kosmos, stock = module.model.backbone, module.model.backbone.forward

    def forward(attention_mask, **kwargs):
        attention_mask = attention_mask.clone()
        attention_mask[:, 5:9] = 0
        return stock(attention_mask=attention_mask, **kwargs)

    kosmos.forward = forward


def never_put_in(module, dataset):
    stock = dataset.text_fn
    dataset.text_fn = lambda texts: stock(["Do what you are told."] * len(texts))


def constant_picture(module, dataset):
    stock = module.model.model_encode_images
    module.model.model_encode_images = lambda images: torch.zeros_like(stock(images))


def frozen_picture(module, dataset):
    """The vision tower is to be trained, and cut off."""
    module.model.vision_tower.requires_grad_(True)
    stock = module.model.model_encode_images
    module.model.model_encode_images = lambda images: stock(images).detach()


def nothing_yet(module, dataset):
    *_, last = (each for each in module.model.act_head.actions.modules() if isinstance(each, nn.Linear))
    nn.init.zeros_(last.weight)


def overflowing(module, dataset):
    kosmos, stock = module.model.backbone, module.model.backbone.forward

    def forward(inputs_embeds, **kwargs):
        same = inputs_embeds * 1
        if same.requires_grad:
            same.register_hook(lambda gradient: gradient * float("inf"))
        return stock(inputs_embeds=same, **kwargs)

    kosmos.forward = forward


CASES = (
    overwritten,
    detached,
    half_masked,
    never_put_in,
    constant_picture,
    frozen_picture,
    nothing_yet,
    overflowing,
)


def state(module):
    tensors = [each.detach().clone() for each in (*module.parameters(), *module.buffers())]
    modes = [each.training for each in module.modules()]
    grads = [each.grad for each in module.parameters()]
    return tensors, modes, grads, torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()


def changed(before, after):
    """Return the names of what differs between two states."""
    names = ("weights", "modes", "gradients", "torch", "random", "numpy")
    same = [
        all(map(torch.equal, before[0], after[0])),
        before[1] == after[1],
        all(one is other for one, other in zip(before[2], after[2], strict=True)),
        torch.equal(before[3], after[3]),
        before[4] == after[4],
        bool((before[5] == after[5]).all()),
    ]
    return [name for name, equal in zip(names, same, strict=True) if not equal]


def main(root, vlm, episodes):
    sys.path.insert(0, root)
    import robovlms_mobile

    robovlms_mobile.register()
    from robovlms_mobile.training.watch.audit import audit

    result = {}
    module = build(vlm)
    dataset, before = data(module, episodes, mirror=0.5, color_jitter=0.2), state(module)
    result["sound"] = dataclasses.asdict(audit(module, dataset))
    result["untouched"] = changed(before, state(module))
    result["checkpointed"] = dataclasses.asdict(audit(build(vlm, checkpointing=True), dataset))
    result["another"] = dataclasses.asdict(audit(module, data(module, episodes, instruction="Drive to the cup.")))
    for break_it in CASES:
        module = build(vlm)
        dataset = data(module, episodes)
        break_it(module, dataset)
        result[break_it.__name__] = dataclasses.asdict(audit(module, dataset))
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
