"""Run in a process of its own: how far evaluation's predictions, frame by frame, are from those of training's forward.

Arguments: the checkout, a folder with a tiny Kosmos-2, a folder of episodes. Prints JSON: head → "frames", and the
largest differences in m/s of the "prediction" at every frame and of the "target" it is paired with.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from support.configs import minimal_config

CASES = {"LSTM": False, "GPT": False, "FC": False, "LSTM, shifted": True}  # name → shift_first
WINDOW, CHUNK, EPISODES = 4, 3, 2


def build(folder, data, name, shifted):
    """Upstream's module with weights that all matter, and its config."""
    from robovlms.train.base_trainer import BaseTrainer

    config = minimal_config(Path(folder))
    config["model_path"] = str(folder)
    for block in ("vlm", "tokenizer"):
        config[block]["pretrained_model_name_or_path"] = str(folder)
    for block in ("train_dataset", "val_dataset"):
        config[block] |= {"data_dir": str(data), "windows": "padded", "shift_first": shifted}
    config["act_head"] |= {"type": f"Mobile{name.partition(',')[0]}Decoder"}
    config |= {"window_size": WINDOW, "fwd_pred_next_n": CHUNK, "batch_size": 2}
    torch.manual_seed(0)
    module = BaseTrainer(configs=config)
    for key, parameter in module.named_parameters():
        if ".lora_B" in key or key.endswith("action_token"):  # these start at zero
            parameter.data = torch.randn(parameter.shape) / 10
    return module.eval(), config


def dataset(module, config):
    from robovlms_mobile.data.dataset import MobileVLAH5Dataset

    sizes = {key: config[key] for key in ("window_size", "fwd_pred_next_n", "norm_action", "norm_min", "norm_max")}
    own = {key: value for key, value in config["train_dataset"].items() if key != "type"}
    text = {"tokenizer": module.model.tokenizer, "tokenizer_config": config["tokenizer"], "model_name": "kosmos2"}
    return MobileVLAH5Dataset(is_training=True, image_size=config["image_size"], **sizes, **own, **text)


@torch.no_grad()
def trained_on(module, data, number):
    """What training's forward makes of a window, and what it is paired with: two (W, N, 6), and the mask (W, N)."""
    batch = data.collater([data[number]])
    heard = []
    hook = module.model.act_head.register_forward_hook(lambda head, inputs, output: heard.append(output))
    chunks = batch["action_chunck"]
    module.model.forward(
        batch["rgb"],
        batch["text"],
        attention_mask=batch["text_mask"],
        action_labels=(chunks[..., :6], chunks[..., 6]),
        action_mask=batch["chunck_mask"],
        data_source=batch["data_source"],
    )
    hook.remove()
    arm = heard[0][0] if isinstance(heard[0], tuple) else heard[0][..., :6]
    return arm[0].double(), chunks[0, ..., :6].double(), batch["chunck_mask"][0]


def probe(root, folder, data_dir, name, shifted):
    from robovlms_mobile.evaluation.offline import Shown, ask
    from robovlms_mobile.evaluation.run_data import block_of
    from robovlms_mobile.policy.stepping import FrameByFrame

    module, config = build(folder, data_dir, name, shifted)
    policy, data = FrameByFrame(module.model, config), dataset(module, config)
    starts = {(episode.name, start): number for number, (episode, start) in enumerate(data.samples)}
    shown = [
        Shown(
            each.name,
            each.scenario,
            data[starts[each.name, 0]]["raw_text"],
            np.moveaxis(data.store.planes(each.name), 1, -1),
            policy.space.targets(each.actions, block_of(config).shift_first),
        )
        for each in data.episodes[:EPISODES]
    ]
    low, high = policy.space.bounds
    off, paired, frames = 0.0, 0.0, 0
    for scored in ask(policy, shown):
        for frame, predicted in enumerate(scored.predicted):
            start = max(0, frame - WINDOW + 1)
            arm, chunks, mask = trained_on(module, data, starts[scored.name, start])
            own, label = (0.5 * (each[frame - start, :, :2] + 1) * (high - low) + low for each in (arm, chunks))
            assert mask[frame - start, 0], "training has no action for this frame"
            off = max(off, float((own - torch.from_numpy(predicted)).abs().max()))
            paired = max(paired, float((label[0] - torch.from_numpy(scored.actual[frame])).abs().max()))
            frames += 1
    windows = sum(name == each.name for name, _ in starts for each in shown)
    told = len({each.instruction for each in shown})
    return {"prediction": off, "target": paired, "frames": frames, "windows": windows, "instructions": told}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.path.insert(0, sys.argv[1])
    import robovlms_mobile

    robovlms_mobile.register()
    print(json.dumps({name: probe(*sys.argv[1:4], name, shifted) for name, shifted in CASES.items()}))
