"""Run a checkout's main.py on a toy model and a toy dataset, and write down what it does.

    python contract_probe.py ROOT CONFIG FACTS

Run by test_standin_contract.py, in a process of its own a checkout: `robovlms` is one module name. The toys come in
where the plugin's classes do, from Lightning's callbacks factory, so that a run that ends proves the hook.
"""

import importlib
import json
import os
import runpy
import sys
from types import SimpleNamespace

import lightning
import numpy as np
import torch
import torch.distributed as dist
from lightning.pytorch.trainer import Trainer
from torch import nn

import robovlms_mobile
from robovlms_mobile import plugin
from robovlms_mobile.launch.process import single_process

NAMESPACES = ("robovlms.data", "robovlms.model.backbone", "robovlms.model.policy_head")
WIDTH, VOCABULARY, TEXT = 8, 16, 5
WINDOW, CHUNK = 4, 10
SMALL = {"in_features": WIDTH, "hidden_size": WIDTH, "action_dim": 7, "down_sample": "pooling", "latent": 1}
REMOVED = ("resume", "window_size", "act_head.action_space", "seed", "learning_rate", "exp_name", "warmup_epochs")

events, seen, cuda_calls, datasets = [], {}, [], {}


class ToyVLM(nn.Module):
    """Anything that maps embeddings (B, S, D) to hidden states (B, S, D)."""

    def __init__(self):
        super().__init__()
        self.config = SimpleNamespace(use_cache=True)
        self.embed, self.vision = nn.Embedding(VOCABULARY, WIDTH), nn.Linear(3, WIDTH)
        self.mix = nn.Linear(WIDTH, WIDTH)

    def forward(self, inputs_embeds=None, **kwargs):
        seen["model_call"] = sorted(name for name, value in kwargs.items() if value is not None and value is not False)
        seen["embeds"], seen["mask"] = inputs_embeds[0, :, 0].tolist(), kwargs["attention_mask"][0].tolist()
        return SimpleNamespace(hidden_states=[self.mix(inputs_embeds)])


class ToyDataset(torch.utils.data.Dataset):
    def __init__(self, **kwargs):
        self.rows = 3
        datasets["train" if kwargs["is_training"] else "val"] = kwargs

    def __len__(self):
        return self.rows

    def __getitem__(self, index):
        return index

    def collater(self, rows):
        return toy_batch(len(rows))


def toy_batch(size):
    """The batch contract, on frames of 2 x 2 pixels."""
    return {
        "rgb": torch.zeros(size, WINDOW, 3, 2, 2),
        "hand_rgb": None,
        "text": torch.ones(size, TEXT, dtype=torch.long),
        "text_mask": torch.ones(size, TEXT, dtype=torch.long),
        "action": torch.zeros(size, WINDOW + CHUNK - 1, 7),
        "action_chunck": torch.zeros(size, WINDOW, CHUNK, 7),
        "chunck_mask": torch.ones(size, WINDOW, CHUNK, dtype=torch.bool),
        "raw_text": ["go"] * size,
        "data_source": "toy_action",
    }


def toy_backbone():
    """A subclass of the checkout's base class: its forward pass, our toy below it."""
    from robovlms.model.backbone.base_backbone import BaseRoboVLM

    class ToyBackbone(BaseRoboVLM):
        def __init__(self, **kwargs):
            events.append("model")
            super().__init__(**kwargs)

        model = text_tower = property(lambda self: self.backbone)
        vision_tower = property(lambda self: self.backbone.vision)
        word_embedding = property(lambda self: self.backbone.embed)
        hidden_size = property(lambda self: WIDTH)
        image_processor = property(lambda self: None)

        def model_encode_images(self, images):
            return self.backbone.vision(images.flatten(2).mT)  # (B, 4 pixels, D)

    return ToyBackbone


class Reads(dict):
    """A dict that remembers which of its keys were read with [], dotted, nested dicts too."""

    def __init__(self, values=(), log=None, prefix=""):
        log, values = set() if log is None else log, dict(values)
        nested = {key: Reads(v, log, f"{prefix}{key}.") if isinstance(v, dict) else v for key, v in values.items()}
        super().__init__(nested)
        self.log, self.prefix = log, prefix

    def __getitem__(self, key):
        self.log.add(self.prefix + str(key))
        return super().__getitem__(key)

    def get(self, key, default=None):
        self.log.add(f"{self.prefix}{key}?")
        return super().get(key, default)

    def __deepcopy__(self, memo):
        return Reads(self, self.log, self.prefix)


def record(owner, name, label, instead=None):
    """Replace `owner.name` by one that writes an event and keeps its first argument, then calls `instead` or it."""
    real = instead or getattr(owner, name)

    def recorded(*args, **kwargs):
        events.append(label(*args, **kwargs) if callable(label) else label)
        seen[events[-1]] = args[0] if args else None
        return real(*args, **kwargs)

    setattr(owner, name, recorded)


def factory():
    """Stands in for the plugin's callbacks factory: sets the toys, once what they go into is imported."""
    events.append("callbacks_factory")
    if "imported_at_factory" not in seen:
        seen["imported_at_factory"] = [name for name in NAMESPACES if name in sys.modules]
        record(sys.modules["robovlms.data.datamodule.gr_datamodule"].GRDataModule, "__init__", "data")
        processor = SimpleNamespace(tokenizer=toy_tokenizer())
        sys.modules["robovlms.model.backbone.base_backbone"].build_vlm = lambda *args: (processor, ToyVLM())
        sys.modules["robovlms.model.backbone"].ToyBackbone = toy_backbone()
        sys.modules["robovlms.data"].ToyDataset = ToyDataset
    return []


def toy_tokenizer():
    return SimpleNamespace(pad_token="<pad>", bos_token="<s>", eos_token="</s>", vocab_size=VOCABULARY)


def watch():
    """Put recorders where main.py will pass."""
    plugin.callbacks_factory = factory
    real_init = dist.init_process_group
    move = torch.Tensor.cuda if torch.cuda.is_available() else lambda tensor, *args, **kwargs: tensor
    label = "init_process_group {}".format
    record(dist, "init_process_group", lambda backend: label(backend), lambda backend: real_init("gloo"))
    record(lightning, "seed_everything", "seed_everything", lightning.seed_everything)
    record(os, "system", lambda command: command, lambda command: 0)
    record(Trainer, "__init__", "Trainer")
    record(Trainer, "fit", lambda trainer, model, **kwargs: seen.update(module=model) or "fit")
    torch.Tensor.cuda = lambda self, *args, **kwargs: (cuda_calls.append(1), move(self, *args, **kwargs))[1]


def main():
    root, config, target = sys.argv[1:4]
    sys.path.insert(0, root)
    robovlms_mobile.register()
    watch()
    sys.argv = ["main.py", config]
    with single_process():  # as torchrun would; all else is recorded
        runpy.run_path(os.path.join(root, "main.py"), run_name="__main__")
        facts = all_facts(config)
    with open(target, "w") as file:
        json.dump(facts, file, indent=1)


def all_facts(config):
    facts = {"events": list(events), "imported_at_factory": seen["imported_at_factory"], "cuda_calls": len(cuda_calls)}
    facts |= run_facts(seen["Trainer"], seen["module"], seen["data"])
    facts |= name_facts() | {"heads": {name: head_facts(name) for name in ("LSTMDecoder", "FCDecoder", "GPTDecoder")}}
    return facts | text_facts() | config_facts(importlib.import_module("main"), config)


def run_facts(trainer, model, data):
    loaders = {"train": data._train_loader, "val": data._val_loader}
    checkpoint = trainer.checkpoint_callback
    log = set()
    out = model._process_batch(Reads(toy_batch(2), log))
    silent = model.model.forward(out[0], out[3], attention_mask=out[4], data_source="toy")
    predicted = model.model.inference(out[0], out[3], attention_mask=out[4])["action"]
    return {
        "callbacks": [type(callback).__name__ for callback in trainer.callbacks],
        "save_top_k": checkpoint.save_top_k,
        "output_dir": str(checkpoint.dirpath),
        "gradient_clip_val": trainer.gradient_clip_val,
        "metrics": sorted(trainer.callback_metrics),
        "model_call": seen["model_call"],
        "dataset_kwargs": {split: sorted(kwargs) for split, kwargs in datasets.items()},
        "is_training": {split: kwargs["is_training"] for split, kwargs in datasets.items()},
        "norm_min": datasets["train"]["norm_min"],
        "drop_last": {split: loader.drop_last for split, loader in loaders.items()},
        "prefetch_factor": loaders["train"].prefetch_factor,
        "sampler": {split: type(loader.sampler).__name__ for split, loader in loaders.items()},
        "batch_keys": sorted(log),
        "processed": [list(value.shape) if torch.is_tensor(value) else value for value in out],
        "loss_without_action_source": model._get_loss(silent)["loss"].requires_grad,
        "predicted": [list(part.shape) for part in predicted],
        "layout": layout_facts(model.model, out[0], out[3]),
    }


@torch.no_grad()
def layout_facts(model, rgb, text):
    """Where text (1), image (2) and action token (3) stand in what the VLM gets, and which of them the head reads."""
    backbone = model.backbone
    backbone.embed.weight.fill_(1), backbone.vision.weight.zero_(), backbone.vision.bias.fill_(2)
    backbone.mix.weight.copy_(torch.eye(WIDTH)), backbone.mix.bias.zero_(), model.action_token.fill_(3)
    read = []
    model.act_head.register_forward_pre_hook(lambda head, args: read.append(args[0]))
    mask = torch.ones_like(text)
    mask[:, -2:] = 0
    model.inference(rgb, text, attention_mask=mask)
    return {"embeds": seen["embeds"], "mask": seen["mask"], "read": read[0].unique().tolist(), "n": read[0].shape[:3]}


def name_facts():
    return {"names": {name: sorted(n for n in vars(sys.modules[name]) if n[0].isupper()) for name in NAMESPACES}}


def head_facts(name):
    cls = getattr(sys.modules["robovlms.model.policy_head"], name)
    try:
        head = cls(**SMALL, fwd_pred_next_n=CHUNK, window_size=WINDOW)
    except ImportError as error:
        return {"not_importable": str(error)}
    tokens = torch.randn(2, WINDOW, 3, WIDTH) * 100
    arm, gripper = head(tokens, actions=None, action_masks=None)
    labels = torch.zeros(2, WINDOW, CHUNK, 6), torch.zeros(2, WINDOW, CHUNK)
    mask = torch.ones(2, WINDOW, CHUNK)
    pred, labels, mask = head.get_labels((arm, gripper), labels, mask, tok_seq=tokens)
    return {
        "shapes": [list(arm.shape), list(gripper.shape)],
        "bounded": bool(arm.detach().abs().max() <= 1),
        "loss": sorted(head.loss(pred, labels, mask)),
        "nothing_real_is_nan": bool(head.loss(pred, labels, mask * 0)["loss_arm"].isnan()),
    }


def text_facts():
    from robovlms.data.data_utils import get_text_function, normalize_action

    asked = []

    class Tokenizer(SimpleNamespace):
        def __call__(self, texts, **kwargs):
            asked.extend(texts)
            return {"input_ids": torch.zeros(1, TEXT), "attention_mask": torch.ones(1, TEXT)}

    pair = get_text_function(Tokenizer(), "kosmos")(["go left "])
    scaled = normalize_action(np.array([-2.0, 0.0, 1.15]), -1.15, 1.15)
    return {"kosmos_prompt": asked, "text_shapes": [list(part.shape) for part in pair], "normalized": scaled.tolist()}


def config_facts(upstream, path):
    """What happens to experiments whose config lacks a key or holds one that upstream does not take."""

    def outcome(change, keep=None):
        log = set()
        config = upstream.load_config(path)
        change(config)
        config = Reads(config, log)
        try:
            upstream.experiment(upstream.update_configs(config, upstream.parse_args()))
        except Exception as error:
            return log, f"{type(error).__name__}: {error}"
        return log, "trained"

    def without(dotted):
        def change(config):
            *parents, last = dotted.split(".")
            for parent in parents:
                config = config[parent]
            del config[last]

        return change

    reads, ended = outcome(lambda config: None)
    events.clear()
    kosmos = outcome(lambda config: config.update(model="kosmos"))[1]
    return {
        "reads": sorted(reads),
        "ended": ended,
        "without": {key: outcome(without(key))[1] for key in REMOVED},
        "kosmos": [kosmos, *events],
        "no_workers": outcome(lambda config: config.update(num_workers=0))[1],
        "unknown_trainer_key": outcome(lambda config: config["trainer"].update(colour="red"))[1],
        "lora": outcome(lambda config: config["train_setup"].update(lora_enable=True))[1],
    }


if __name__ == "__main__":
    main()
