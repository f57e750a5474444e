"""What upstream reads, ignores and overwrites in a config, as tables. The facts; `lint` holds the rules."""

import inspect
from dataclasses import fields

from robovlms_mobile.options import AUDIT
from robovlms_mobile.training.checkpoint_options import CheckpointOptions


def _words(text):
    return text.split()


MOBILE_KEYS = {  # the plugin's own options, the top-level object "mobile": section → its keys
    "lora": frozenset({"targets"}),
    "checkpoints": frozenset(field.name for field in fields(CheckpointOptions)),
    "frames": frozenset({"store", "dir", "features"}),
    "base_dtype": frozenset(),  # its values are among what a run refuses
    "optimizer": frozenset(),  # likewise
    "embeddings": frozenset(),
    "audit": frozenset(),  # no sections: see MOBILE_VALUES
    "verbose": frozenset(),
}
MOBILE_VALUES: dict[str, tuple] = {"audit": AUDIT, "embeddings": ("device", "host"), "verbose": (True, False)}

REQUIRED = {  # section ("" is the top level) → keys upstream reads without a default
    "": _words(
        "seed task_name model model_path robovlm_name output_root log_root cache_root trainer train_setup "
        "act_head fwd_head tokenizer vlm train_dataset val_dataset batch_size num_workers window_size fwd_pred_next_n "
        "image_size seq_len learning_rate min_lr_scale weight_decay use_hand_rgb cap_loss_ratio "
        "arm_gripper_loss_ratio fwd_loss_ratio resume "
        "warmup_epochs"  # read with a default that the command line's None has replaced
    ),
    "trainer": ["precision", "max_steps", "max_epochs"],
    "train_setup": _words(
        "predict_action predict_forward predict_forward_hand predict_caption freeze_backbone lora_enable"
    ),
    "act_head": ["type", "action_space", "action_dim", "down_sample"],
    "tokenizer": ["type"],
    "vlm": ["pretrained_model_name_or_path"],
}
LORA_REQUIRED = ["lora_r", "lora_alpha", "lora_dropout", "lora_bias"]
MAY_BE_NULL = frozenset({"act_head", "fwd_head", "resume"})
POSITIVE = ("batch_size", "window_size", "fwd_pred_next_n", "image_size")

IGNORED = {  # "section.key" → (values that change nothing, what to know or do instead)
    "gpus": ((1,), "the command line's --gpus wins, its default is 1: pass --gpus"),
    "num_nodes": ((1,), "the command line's --num_nodes wins, its default is 1: pass --num_nodes"),
    "optimizer": (
        ("adam", "adamw", "Adam", "AdamW"),
        'upstream always uses AdamW: remove it, or "mobile": {"optimizer": "adamw8bit"}',
    ),
    "warmup_ratio": ((0, 0.0), "use warmup_epochs or warmup_steps"),
    "max_text_len": ((256,), "upstream's text functions fix the length: remove it"),
    "tokenizer.max_text_len": ((256,), "upstream's text functions fix the length: remove it"),
    "train_setup.mm_projector_lr": ((1e-4,), "there is one learning rate: remove it"),
    "train_setup.tune_mm_mlp_adapter": ((False,), "remove it"),
    "train_setup.freeze_mm_mlp_adapter": ((False,), "remove it"),
    "trainer.devices": ((1, "auto"), "the command line's --gpus wins, its default is 1: pass --gpus"),
    "trainer.num_nodes": ((1,), "the command line's --num_nodes wins, its default is 1: pass --num_nodes"),
    "trainer.callbacks": (([],), "upstream sets its own list: remove it"),
}
CLIP = {
    "image_mean": (0.48145466, 0.4578275, 0.40821073),
    "image_std": (0.26862954, 0.26130258, 0.27577711),
}
# What upstream passes to every dataset, over a key of the same name in its block: name → (its source, default)
FROM_ABOVE = {
    "window_size": ("window_size", None),
    "fwd_pred_next_n": ("fwd_pred_next_n", None),
    "image_size": ("image_size", None),
    "norm_action": ("norm_action", False),
    "norm_min": ("norm_min", -1),
    "norm_max": ("norm_max", 1),
    "regular_action": ("regular_action", False),
    "x_mean": ("x_mean", 0),
    "x_std": ("x_std", 1),
    "use_mu_law": ("use_mu_law", False),
    "mu_val": ("mu_val", 255),
    "tcp_rel": ("tcp_rel", False),
    "discrete_action_history": ("discrete_action_history", False),
    "n_bin": ("act_head.n_bin", 256),
    "min_action": ("act_head.min_action", -1),
    "max_action": ("act_head.max_action", 1),
}
TEXT_FUNCTIONS = _words("flamingo kosmos llava llava_orig moondream paligemma qwen uform")
LOGGERS = ("tensorboard", "csv")
NOT_A_FILE = ("last",)  # what "resume" may be besides a file


def trainer_keys() -> frozenset[str] | None:
    """Return the options of the installed Lightning's Trainer, or None where it cannot be imported."""
    try:
        from lightning.pytorch import Trainer
    except (ImportError, OSError):  # OSError: torch's libraries do not load
        return None
    return frozenset(inspect.signature(Trainer.__init__).parameters) - {"self"}
