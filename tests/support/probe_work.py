"""Run in a process of its own: a training step of our Kosmos-2 beside one that does all that upstream would.

Arguments: the checkout, a folder with a tiny Kosmos-2. Prints JSON: "same", whether loss and gradients are bit for bit
equal; "flops" and "kept" (bytes saved for the backward pass), [ours, upstream's]; and what trains with vision.
"""

import json
import sys
from pathlib import Path

import torch
from support.configs import merge, minimal_config
from torch.utils.flop_counter import FlopCounterMode

WINDOW, CHUNK = 3, 4


def build(folder, changes=None, **setup):
    import robovlms.model.backbone as backbones

    config = merge(minimal_config(Path(folder)), changes or {})
    config["train_setup"] |= setup
    for block in ("vlm", "tokenizer"):
        config[block]["pretrained_model_name_or_path"] = folder
    torch.manual_seed(0)
    return backbones.RoboKosMos(
        configs=config,
        train_setup_configs=config["train_setup"],
        act_head_configs=config["act_head"],
        window_size=WINDOW,
        fwd_pred_next_n=CHUNK,
    )


def batch():
    torch.manual_seed(1)
    text = torch.randint(5, 60, (1, 9))
    labels = (torch.rand(1, WINDOW, CHUNK, 6) - 0.5, torch.zeros(1, WINDOW, CHUNK))
    real = {"action_labels": labels, "action_mask": torch.ones(1, WINDOW, CHUNK).bool()}
    return {"vision_x": torch.randn(1, WINDOW, 3, 224, 224), "lang_x": text, "attention_mask": text.bool(), **real}


def step(model, there=()):
    """Loss, gradients, FLOPs and bytes kept for the backward pass, of one training step.

    `there`: addresses of tensors whose bytes are not counted.
    """
    kept = []

    def keep(tensor):
        kept.append(tensor.nbytes * (tensor.data_ptr() not in there))
        return tensor

    model.zero_grad()
    torch.manual_seed(2)  # of dropout
    with FlopCounterMode(display=False) as counter:
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            loss = model(**batch(), data_source="action")["loss_arm_act"]
        loss.backward()
    gradients = {name: each.grad for name, each in model.named_parameters() if each.grad is not None}
    return loss.detach(), gradients, counter.get_total_flops(), sum(kept)


def as_upstream(model):
    """Take back what our backbone leaves out: logits, and a graph of the vision tower."""
    stock = next(each for each in type(model).__mro__ if each.__module__ == "robovlms.model.backbone.robokosmos")
    model.model_encode_images = stock.model_encode_images.__get__(model)
    model.backbone.forward = lambda **kwargs: model.backbone.text_model(**kwargs)


def main(root, folder):
    model = build(folder).train()
    ours = step(model)
    as_upstream(model)
    theirs = step(model)
    same = torch.equal(ours[0], theirs[0]) and ours[1].keys() == theirs[1].keys()
    vision = step(build(folder, train_vision=True).train())[1]
    told = {
        "same": same and all(torch.equal(each, theirs[1][name]) for name, each in ours[1].items()),
        "gradients": len(ours[1]),
        "flops": [ours[2], theirs[2]],
        "kept": [ours[3], theirs[3]],
        "vision_trains": sum("vision_model" in name and bool(each.any()) for name, each in vision.items()),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    import robovlms_mobile

    robovlms_mobile.register()
    main(*sys.argv[1:])
