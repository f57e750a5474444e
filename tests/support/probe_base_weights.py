"""Run in a process of its own: a training step under bf16 autocast on frozen layers in bf16, beside one on fp32's.

Arguments: the checkout, a folder with a tiny Kosmos-2. Prints JSON: "same", whether loss and gradients are bit for bit
equal; "drawn", whether new adapters are; precisions by what they are of; and the bytes kept for the backward pass
besides the parameters, [bf16's, fp32's].
"""

import json
import shutil
import sys

import torch
from support.probe_work import build, step


def autocast_step(model):
    with torch.autocast("cpu", torch.bfloat16):
        return step(model, {parameter.data_ptr() for parameter in model.parameters()})


def precisions(model):
    """What the base model's parameters are in, by kind of layer; adapters under "trained"."""
    found, tied = {}, model.word_embedding.weight
    for module in model.backbone.modules():
        for parameter in module.parameters(recurse=False):
            kind = "trained" if parameter.requires_grad else "Embedding" if parameter is tied else type(module).__name__
            found.setdefault(kind, set()).add(str(parameter.dtype))
    return {kind: sorted(each) for kind, each in found.items()}


def same(one, other):
    """Whether two steps have the same loss and gradients, bit for bit."""
    equal = one[1].keys() == other[1].keys() and all(torch.equal(each, other[1][name]) for name, each in one[1].items())
    return equal and torch.equal(one[0], other[0])


def trained(model):
    return {name: each.detach() for name, each in model.named_parameters() if each.requires_grad}


def saved_in_half(folder, place):
    """A copy of a base model's folder whose weights are fp16."""
    from transformers import Kosmos2ForConditionalGeneration

    shutil.copytree(folder, place)
    Kosmos2ForConditionalGeneration.from_pretrained(folder).half().save_pretrained(place)
    return place


def main(root, folder, work):
    full = build(folder).train()
    with_bf16 = {"mobile": {"base_dtype": "auto"}, "trainer": {"precision": "bf16-mixed"}}
    half = build(folder, with_bf16).train()
    ours, theirs = autocast_step(half), autocast_step(full)
    drawn = trained(full)
    host = build(folder, {"mobile": {"embeddings": "host"}}).train()
    beside = step(build(folder).train())
    at_host = step(host)
    from_half = build(saved_in_half(folder, f"{work}/half"))
    told = {
        "same": same(ours, theirs),
        "same_at_host": same(at_host, beside),
        "tables": [
            sum(len(each) == len(full.word_embedding.weight) for each in model.parameters()) for model in (host, full)
        ],
        "gradients": len(ours[1]),
        "drawn": all(torch.equal(each, drawn[name]) for name, each in trained(half).items()),
        "precisions": precisions(half),
        "from_half": sorted({str(each.dtype) for each in from_half.parameters()}),
        "kept": [ours[3], theirs[3]],
    }
    print(json.dumps(told))


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    import robovlms_mobile

    robovlms_mobile.register()
    main(*sys.argv[1:])
