"""Configs of short runs."""

import copy

from robovlms_mobile.config.lint import lint


def merge(base, extra):
    """Merge `extra` into `base` in place, objects key by key; everything else replaces. Returns `base`."""
    for key, value in extra.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            merge(base[key], value)
        else:
            base[key] = copy.deepcopy(value)
    return base


def minimal_config(folder):
    """Every key that upstream needs, for one short CPU run that writes below `folder`."""
    short = {"windows": "full", "color_order": "rgb"}  # 5 windows an episode, where the default has 18
    dataset = {"type": "MobileVLAH5Dataset", "episode_pattern": "episode_*.h5", **short}
    return {
        "seed": 0,
        "task_name": "test",
        "exp_name": "run",
        "model": "kosmos2",
        "model_path": "",
        "robovlm_name": "RoboKosMos",
        **{f"{name}_root": str(folder / "runs" / name) for name in ("output", "log", "cache")},
        "resume": None,
        "trainer": {
            "accelerator": "cpu",
            "strategy": "auto",
            "precision": "32",
            "max_epochs": 1,
            "max_steps": -1,
            "accumulate_grad_batches": 2,
            "logger": ["csv"],
            "log_every_n_steps": 1,
            "enable_progress_bar": False,
        },
        "train_setup": {
            "predict_action": True,
            "predict_forward": False,
            "predict_forward_hand": False,
            "predict_caption": False,
            "freeze_backbone": True,
            "train_vision": False,
            "train_text_embedding": False,
            "lora_enable": True,
            "lora_r": 4,
            "lora_alpha": 8,
            "lora_dropout": 0.0,
            "lora_bias": "none",
        },
        "act_head": {
            "type": "MobileLSTMDecoder",
            "hidden_size": 32,
            "num_layers": 1,
            "action_dim": 7,
            "action_space": "continuous",
            "down_sample": "none",
            "latent": 1,
            "with_history": True,
            "history_type": "post",
        },
        "fwd_head": None,
        "tokenizer": {"type": "AutoProcessor", "tokenizer_type": "kosmos", "max_text_len": 256},
        "vlm": {"type": "AutoModelForVision2Seq", "name": "kosmos"},
        "train_dataset": dict(dataset),
        "val_dataset": dict(dataset),
        "batch_size": 1,
        "num_workers": 1,
        "window_size": 4,
        "fwd_pred_next_n": 10,
        "image_size": 224,
        "seq_len": 1,
        "warmup_epochs": 0,
        "norm_action": True,
        "norm_min": -1.15,
        "norm_max": 1.15,
        "learning_rate": 1e-4,
        "min_lr_scale": 0.01,
        "weight_decay": 0.0,
        "use_hand_rgb": False,
        "cap_loss_ratio": 0.0,
        "arm_gripper_loss_ratio": 0.01,
        "fwd_loss_ratio": 0.0,
    }


def found(config, **options):
    """Return {where: (level, what and fix)} of a config's findings."""
    return {each.where: (each.level, f"{each.what} | {each.fix}") for each in lint(config, **options)}
