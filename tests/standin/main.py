"""Entry point of the test double: upstream's flags, order of events and folders, one dataset a split."""

import argparse
import copy
import datetime
import functools
import json
import os
from pathlib import Path

import torch.distributed as dist
from lightning import seed_everything
from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.strategies import DDPStrategy
from lightning.pytorch.trainer import Trainer
from robovlms.data.data_utils import preprocess_image
from robovlms.data.datamodule.gr_datamodule import GRDataModule
from robovlms.train.base_trainer import BaseTrainer
from robovlms.utils.setup_callback import SetupCallback

# flag → type; True means a switch. Only --gpus and --num_nodes have a default, which wins over the file.
TOP_FLAGS = {
    **dict.fromkeys(("gpus", "num_nodes", "seed", "task_num", "fwd_pred_next_n", "warmup_epochs", "batch_size"), int),
    **dict.fromkeys(("log_dir", "output_dir", "data_dir", "annotation_file", "data_subfolder", "exp_name"), str),
    **dict.fromkeys(("seq_len", "arm_gripper_loss_ratio", "fwd_loss_ratio", "learning_rate"), float),
    **dict.fromkeys(("min_lr_scale", "weight_decay"), float),
    **dict.fromkeys(("use_multi_modal_emb", "no_video_pretrained_model", "finetune"), True),
    "model_load_path": str,
}
TRAINER_FLAGS = {"strategy": str, "precision": str, "gradient_clip_val": float, "max_epochs": int}
LOGGERS = {"tensorboard": TensorBoardLogger, "csv": CSVLogger}


def parse_args():
    parser = argparse.ArgumentParser()
    parser.add_argument("config")
    for name, kind in (TOP_FLAGS | TRAINER_FLAGS).items():
        if kind is True:
            parser.add_argument(f"--{name}", action="store_true")
        else:
            parser.add_argument(f"--{name}", type=kind, default=1 if name in ("gpus", "num_nodes") else None)
    flags = vars(parser.parse_args())
    flags["trainer"] = {name: flags.pop(name) for name in TRAINER_FLAGS}
    return flags


def deep_update(base, extra):
    for key, value in extra.items():
        if isinstance(value, dict) and key in base:
            deep_update(base[key], value)
        else:
            base[key] = value
    return base


def load_config(path):
    own = json.loads(Path(path).read_text())
    return deep_update(load_config(own["parent"]) if own.get("parent") else {}, own)


def update_configs(configs, args):
    """Folders become root/model/task; a flag wins where it was given, and is None where it is new."""
    configs["raw_config_path"] = args["config"]
    for root in ("output_root", "log_root"):
        configs[root] = Path(configs[root]) / configs["model"] / configs["task_name"]
    configs["cache_root"] = Path(configs["cache_root"]) / configs["model"]
    for name, value in args.items():
        if isinstance(value, dict):
            configs[name].update({key: v for key, v in value.items() if v is not None})
        elif value is not None or name not in configs:
            configs[name] = value
    return configs


def init_trainer_config(configs):
    """The file's `trainer` block, with devices, nodes, clipping, loggers and callbacks set from elsewhere."""
    name = configs.get("exp_name", "default")
    run = os.path.join(str(datetime.date.today()), name)
    log_dir, output_dir = configs.pop("log_root") / run, configs.pop("output_root") / run
    for folder in (log_dir, output_dir, configs["cache_root"]):
        folder.mkdir(parents=True, exist_ok=True)
    configs.update(log_dir=str(log_dir), output_dir=str(output_dir), cache_root=str(configs["cache_root"]))

    options = copy.deepcopy(configs["trainer"])
    if options.get("strategy", "ddp") == "ddp":
        options["strategy"] = DDPStrategy(find_unused_parameters=True)
    kinds = options.get("logger")
    options["logger"] = [LOGGERS[kind](str(log_dir), name=name) for kind in kinds] if isinstance(kinds, list) else None
    options["devices"] = configs.get("gpus", "auto")
    options["num_nodes"] = configs.get("num_nodes", 1)
    options["gradient_clip_val"] = configs.get("gradient_clip_val", 0.0)
    now = str(datetime.datetime.now()).replace(" ", "_")
    options["callbacks"] = [
        SetupCallback(now=now, logdir=str(log_dir), ckptdir=str(output_dir), cfgdir=str(log_dir), config=configs),
        LearningRateMonitor(logging_interval="step"),
        ModelCheckpoint(dirpath=str(output_dir), save_top_k=-1, every_n_epochs=1),
    ]
    return options


def dataset_kwargs(configs, model):
    """What every dataset's constructor gets on top of its own block; these win over same-named keys."""
    head = configs["act_head"] or {}
    discrete = head.get("action_space", "continuous") == "discrete"
    image_fn = functools.partial(
        preprocess_image, image_processor=model.model.image_processor, model_type=configs["model"]
    )
    defaults = {"use_mu_law": False, "mu_val": 255, "discrete_action_history": False, "norm_action": False}
    defaults |= {
        "norm_min": -1,
        "norm_max": 1,
        "regular_action": False,
        "x_mean": 0,
        "x_std": 1,
        "tcp_rel": False,
    }
    return {
        **{name: configs.get(name, default) for name, default in defaults.items()},
        **{name: configs[name] for name in ("fwd_pred_next_n", "window_size", "image_size")},
        **{name: head.get(name, default) for name, default in (("n_bin", 256), ("min_action", -1), ("max_action", 1))},
        "tokenizer": model.model.tokenizer,
        "tokenizer_config": configs["tokenizer"],
        "image_fn": image_fn,
        "discrete": discrete,
        "discrete_action": discrete,
        "act_step": configs["fwd_pred_next_n"],
        "weights": configs.get("train_weights"),
        "model_name": configs["model"],
    }


def experiment(variant):
    seed_everything(variant["seed"] + int(os.environ["RANK"]))
    trainer = Trainer(**init_trainer_config(variant))
    variant["gpus"] = trainer.num_devices
    variant["train_setup"]["precision"] = variant["trainer"]["precision"]
    if variant["fwd_head"] is not None:
        variant["train_setup"]["predict_forward_hand"] = variant["fwd_head"].get("pred_hand_image", False)
    if not os.path.exists(variant["model_path"]):
        raise FileNotFoundError(f"model_path {variant['model_path']} (upstream would clone model_url here)")
    if variant["model"] == "kosmos":
        import transformers

        os.system(f"cp tools/modeling_kosmos2.py {transformers.__path__[0]}/models/kosmos2/modeling_kosmos2.py")
    source = variant.get("model_load_source", "torch")
    model = BaseTrainer.from_checkpoint(variant.get("model_load_path"), source, variant)
    sets = [variant[name] for name in ("train_dataset", "val_dataset", "batch_size", "num_workers")]
    data = GRDataModule(*sets, **dataset_kwargs(variant, model))
    trainer.fit(model=model, datamodule=data, ckpt_path=variant["resume"])


if __name__ == "__main__":
    args = parse_args()
    configs = update_configs(load_config(args["config"]), args)
    dist.init_process_group(backend="nccl")
    experiment(configs)
