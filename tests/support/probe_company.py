"""Run in a process of its own: how far a sample's prediction, loss and gradient in a batch are from those alone.

Arguments: the checkout, a folder with a tiny Kosmos-2. Prints JSON: head → the largest absolute differences over some
batches of instructions of different lengths, by "prediction", "gradient", "loss" and "together" (gradient of the
loss), and "alone", True where a batch of one is bit for bit what upstream's own backbone makes of it.
"""

import json
import random
import sys
import warnings

import torch
from support.configs import minimal_config

HEADS = [f"{owner}{kind}Decoder" for owner in ("", "Mobile") for kind in ("FC", "GPT", "LSTM")]
WORDS = ("drive", "around", "the", "left", "box", "to", "a", "red", "cup", "and", "stop", "slowly")
WINDOW, CHUNK = 3, 4


def build(cls, head, folder, **options):
    from pathlib import Path

    config = minimal_config(Path(folder))
    for block in ("vlm", "tokenizer"):
        config[block]["pretrained_model_name_or_path"] = folder
    config["act_head"] |= {"type": head, **options}
    config["batch_size"] = 2
    torch.manual_seed(0)
    model = cls(
        configs=config,
        train_setup_configs=config["train_setup"],
        act_head_configs=config["act_head"],
        window_size=WINDOW,
        fwd_pred_next_n=CHUNK,
    )
    generator = torch.Generator().manual_seed(1)
    for name, parameter in model.named_parameters():
        if ".lora_B" in name or name == "action_token":  # these start at zero
            parameter.data = torch.randn(parameter.shape, generator=generator) / 10
    return model.eval()


def batch_of(model, rng, size):
    """A batch of `size` samples whose instructions and real actions differ in number."""
    from robovlms.data.data_utils import get_text_function

    texts = [" ".join(rng.choices(WORDS, k=length)) for length in rng.sample(range(1, 25), size)]
    text, mask = get_text_function(model.tokenizer, "kosmos")(texts)
    real = torch.arange(CHUNK).expand(size, WINDOW, CHUNK) < torch.tensor(rng.choices((1, 2, 4), k=size))[:, None, None]
    arm = torch.rand(size, WINDOW, CHUNK, 6) - 0.5
    labels = {"action_labels": (arm, torch.zeros(size, WINDOW, CHUNK)), "action_mask": real}
    return {"vision_x": torch.randn(size, WINDOW, 3, 224, 224), "lang_x": text, "attention_mask": mask, **labels}


def only(batch, index):
    """Sample `index` of a batch as a batch of one, without the padding that the others brought."""
    one = {
        key: tuple(each[index : index + 1] for each in value) if isinstance(value, tuple) else value[index : index + 1]
        for key, value in batch.items()
    }
    length = int(one["attention_mask"].sum())
    return {**one, "lang_x": one["lang_x"][:, :length], "attention_mask": one["attention_mask"][:, :length]}


def predict(model, batch):
    return model.forward_continuous(batch["vision_x"], batch["lang_x"], batch["attention_mask"], mode="inference")[0]


def gradient(model, value):
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    found = torch.autograd.grad(value, parameters, allow_unused=True, retain_graph=True)
    return torch.cat([each.flatten() for each in found if each is not None])


def distance(one, other):
    return float((one - other).abs().max())


def compare(model, batch):
    together, whole = predict(model, batch), model(**batch, data_source="action")["loss_arm_act"]
    apart, losses, gradients = [], [], []
    for index, shared in enumerate(together):
        alone = only(batch, index)
        mine = predict(model, alone)[0]
        in_company = gradient(model, shared.square().mean())
        apart.append((distance(shared, mine), distance(in_company, gradient(model, mine.square().mean()))))
        losses.append(model(**alone, data_source="action")["loss_arm_act"])
        gradients.append(gradient(model, losses[-1]))
    return {
        "prediction": max(each for each, _ in apart),
        "gradient": max(each for _, each in apart),
        "loss": distance(whole, torch.stack(losses).mean()),
        "together": distance(gradient(model, whole), torch.stack(gradients).mean(0)),
    }


def main(root, folder):
    sys.path.insert(0, root)
    import robovlms.model.backbone as backbones

    ours = backbones.RoboKosMos
    result = {}
    for head in HEADS:
        model, rng = build(ours, head, folder), random.Random(0)
        seen = [compare(model, batch_of(model, rng, size)) for size in (2, 4)]
        result[head] = {name: max(each[name] for each in seen) for name in seen[0]}
        result[head]["alone"] = as_upstream(model, only(batch_of(model, rng, 2), 0))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        build(ours, HEADS[0], folder)
        ordered = sum("batch_size" in str(each.message) for each in caught)
        build(ours, HEADS[0], folder, history_type="pre")
    result["warned"] = [str(each.message) for each in caught if "history_type" in str(each.message)], ordered
    print(json.dumps(result))


def as_upstream(model, batch):
    """True where the same model's prediction, with upstream's own merging of its inputs, is bit for bit the same."""
    import robovlms.model.backbone.base_backbone as base

    mine = predict(model, batch)
    model.merge_multi_modal_input = base.BaseRoboVLM.merge_multi_modal_input.__get__(model)
    return torch.equal(mine, predict(model, batch))


if __name__ == "__main__":
    import robovlms_mobile

    robovlms_mobile.register()
    main(*sys.argv[1:])
