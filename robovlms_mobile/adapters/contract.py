"""What the robot must know to use adapters: units, axes, ranges, colours, resize, prompt, base model."""

from robovlms_mobile.data.block import Block, action_space
from robovlms_mobile.data.names import MOBILE_DATASET
from robovlms_mobile.options import mobile_blocks, real_dims
from robovlms_mobile.versions import versions

MODEL_KEYS = (  # what building the model reads of a config, apart from the base model's place
    *("model", "robovlm_name", "vlm", "tokenizer", "train_setup", "act_head", "fwd_head", "use_hand_rgb"),
    *("use_vision_resampler", "vision_resampler", "use_clip_norm", "window_size", "fwd_pred_next_n", "image_size"),
    *("norm_action", "norm_min", "norm_max"),
)
UNITS = {"linear_x": "m/s, forward +", "linear_y": "m/s, left +", "angular_z": "rad/s, counter-clockwise +"}


def contract(configs: dict, base_fingerprint: str | None = None) -> dict:
    """Return the contract of a run: a dict of primitives, read from its config.

    `action.low` and `action.high` are what −1 and +1 of the head mean; `action.dims` says which of the seven outputs is
    which axis, the rest is padding. `execute` is how many actions of a chunk to drive before asking again, as `drive`
    and `eval` do. `base_fingerprint` is of the base model, see `adapters.fingerprint`. What no config says is added by
    `adapters.trained_on`, and in the file a "hash" by `adapters.binding`.
    """
    block = next(iter(mobile_blocks(configs)), {})
    dims = real_dims(configs)
    low, high = action_space(configs, dims).bounds
    return {
        "action": {
            "dims": list(dims),
            "units": {dim: UNITS[dim] for dim in dims},
            "low": low,
            "high": high,
            "chunk": configs["fwd_pred_next_n"],
            "shift_first": block.get("shift_first", Block.shift_first),
        },
        "image": {
            "size": configs["image_size"],
            "resize": "bicubic, the whole frame squeezed to a square",
            "color_order": block.get("color_order"),
            "window": configs["window_size"],
            "start": "the head sees the frames since reset, at most the last `window`",
        },
        "execute": 1,
        "versions": versions(),
        "prompt": configs["tokenizer"].get("tokenizer_type") or configs["model"],
        "instruction": block.get("instruction"),
        "robovlm_name": configs["robovlm_name"],
        "act_head": configs["act_head"],
        "base_model": configs["vlm"]["pretrained_model_name_or_path"],
        "base_fingerprint": base_fingerprint,
        "model": {key: configs[key] for key in MODEL_KEYS if key in configs}
        | {"mobile": {"lora": (configs.get("mobile") or {}).get("lora", {})}}
        | {"train_dataset": {"type": MOBILE_DATASET, "real_dims": list(dims)}},
    }
