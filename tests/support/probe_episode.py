"""Run in a process of its own: gradients of an episode as one batch beside those of its windows apart.

Arguments: the checkout, a folder with a tiny Kosmos-2, the head. Prints JSON: "off", the largest difference of a
gradient relative to the largest of its tensor; "gradients", how many; "passes", frames through the text model, [one
batch, apart]; "predictions", the largest difference of a predicted velocity.
"""

import json
import sys

import torch
from support.probe_work import CHUNK, WINDOW, build

FRAMES = 6


def batches():
    """An episode of FRAMES windows, padded: as one batch, and window by window."""
    torch.manual_seed(1)
    frames, text = torch.randn(FRAMES, 3, 224, 224), torch.randint(5, 60, (1, 9))
    arm = torch.randint(-1, 2, (FRAMES + WINDOW + CHUNK, 6)).float()  # keys, for the head that knows only those
    places = [[min(v + w, FRAMES - 1) for w in range(WINDOW)] for v in range(FRAMES)]
    labels = torch.stack([torch.stack([arm[v + w : v + w + CHUNK] for w in range(WINDOW)]) for v in range(FRAMES)])
    mask = torch.ones(FRAMES, WINDOW, CHUNK).bool()
    mask[-1, 1:] = False
    grip = torch.zeros(FRAMES, WINDOW, CHUNK)
    told = {"action_labels": (labels, grip), "action_mask": mask, "lang_x": text.repeat(FRAMES, 1)}
    one = {"vision_x": frames[:, None], **told, "attention_mask": told["lang_x"].bool()}
    apart = [
        {
            "vision_x": frames[places[v]][None],
            "lang_x": text,
            "attention_mask": text.bool(),
            "action_labels": (labels[v : v + 1], grip[v : v + 1]),
            "action_mask": mask[v : v + 1],
        }
        for v in range(FRAMES)
    ]
    return one, apart


def gradients(model, given):
    """Of the mean loss of some batches; the predictions, and how many frames went through the text model."""
    said, passes = [], []
    hooks = [
        model.act_head.register_forward_hook(lambda module, inputs, output: said.append(output[0].detach())),
        model.text_tower.register_forward_hook(
            lambda module, inputs, kwargs, output: passes.append(len(kwargs["inputs_embeds"])), with_kwargs=True
        ),
    ]
    model.zero_grad()
    for batch in given:
        (model(**batch, data_source="action")["loss_arm_act"] / len(given)).backward()
    for hook in hooks:
        hook.remove()
    found = {name: each.grad.clone() for name, each in model.named_parameters() if each.grad is not None}
    return found, torch.cat(said), sum(passes)


def main(root, folder, head):
    model = build(folder, {"act_head": {"type": head}}).eval()
    one, apart = batches()
    (ours, predicted, shared), (theirs, expected, alone) = gradients(model, [one]), gradients(model, apart)
    off = [float((ours[name] - each).abs().max() / each.abs().max().clamp(min=1e-12)) for name, each in theirs.items()]
    told = {"off": max(off), "gradients": len(off), "same_names": ours.keys() == theirs.keys()}
    print(json.dumps(told | {"passes": [shared, alone], "predictions": float((predicted - expected).abs().max())}))


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    import robovlms_mobile

    robovlms_mobile.register()
    main(*sys.argv[1:])
