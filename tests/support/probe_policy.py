"""Run in a process of its own: how far `MobilePolicy`, shown raw frames, is from training's forward on the same files.

Arguments: the checkout, a folder with a tiny Kosmos-2, a folder of episodes, how many of them, a folder to write in.
Prints JSON: "frames", the largest difference of an action in m/s as "off", its spread over frames as "moves", and which
modules of Lightning, of upstream's trainer and of our runs were "loaded" once the policy had driven.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from support.policies import WINDOW, policy_config, write_policy
from support.probe_offline import dataset, trained_on

STRANGERS = ("lightning", "pytorch_lightning", "robovlms.train", "robovlms_mobile.training.run")


def drive(folder, root, episodes):
    """Return what the policy answers at each frame of each episode: name → (T, N, D)."""
    from robovlms_mobile.data.hdf5.frames import read_frames
    from robovlms_mobile.data.instructions import instruction_for
    from robovlms_mobile.policy import MobilePolicy

    policy = MobilePolicy.from_pretrained(folder, root=root, device="cpu")
    found = {}
    for each in episodes:
        policy.reset(instruction_for(each))
        shown = read_frames(each, range(each.length))
        found[each.name] = np.stack([policy.infer({"image": frame})["actions"] for frame in shown])
    return found


def compare(config, folder, driven):
    """Return (largest difference from training's forward, frames compared)."""
    from robovlms.train.base_trainer import BaseTrainer

    from robovlms_mobile.adapters.loading import load_into
    from robovlms_mobile.adapters.reading import read_adapters

    module = BaseTrainer(configs=config)
    load_into(module, read_adapters(folder).state)
    data = dataset(module.eval(), config)
    starts = {(episode.name, start): number for number, (episode, start) in enumerate(data.samples)}
    low, high = data.space.bounds
    off, frames = 0.0, 0
    for name, answers in driven.items():
        for frame, answer in enumerate(answers):
            start = max(0, frame - WINDOW + 1)
            arm, _, _ = trained_on(module, data, starts[name, start])
            own = 0.5 * (arm[frame - start, :, :2] + 1) * (high - low) + low
            off = max(off, float((own - torch.from_numpy(answer)).abs().max()))
            frames += 1
    return off, frames


def probe(root, vlm, data, count, place):
    from robovlms_mobile.data.episodes import find_episodes
    from robovlms_mobile.data.hdf5.episode_file import read_episode

    block = {"data_dir": data, "windows": "padded", "train_split": 0.99, "split": "sorted"}
    config = policy_config(vlm, train_dataset=block, val_dataset=block, batch_size=2)
    folder = write_policy(Path(place) / "best", vlm, root, train_dataset=block, val_dataset=block)
    episodes = [read_episode(path) for path in find_episodes(data)[: int(count)]]
    driven = drive(folder, root, episodes)
    loaded = [name for name in sys.modules if name in STRANGERS or name.startswith(tuple(f"{s}." for s in STRANGERS))]
    off, frames = compare(config, folder, driven)
    moves = max(float(np.abs(np.diff(each, axis=0)).max()) for each in driven.values())
    return {"off": off, "frames": frames, "moves": moves, "loaded": sorted(loaded)}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(json.dumps(probe(*sys.argv[1:])))
