"""What cannot be trained with `"batch"` other than "window", where a head joins frames that were seen one by one."""

import json
from collections.abc import Iterator

from robovlms_mobile.config.access import section
from robovlms_mobile.options import mobile_blocks

HEADS = ("MobileLSTMDecoder", "MobileKeyDecoder")
APART = 'take "batch": "window"'


def refused(config: dict) -> Iterator[tuple[str, str, str]]:
    """Yield (where, what, fix) for sizes, heads and options whose windows cannot share the features of a frame."""
    head = section(config, "act_head")
    size, window = config.get("batch_size", 1), config.get("window_size")
    batches = [each for block in mobile_blocks(config) if (each := block.get("batch", "window")) != "window"]
    batch = f'"batch": {json.dumps(batches[0])}'
    if size != 1:
        what = f"is {json.dumps(size)}, and with {batch} a batch is windows of one episode"
        yield "batch_size", what, "set it to 1; accumulate_grad_batches takes several batches for a step"
    if window == 1:
        yield "window_size", f"is 1, and windows of one frame share none: {batch} gains nothing", APART
    wanted = {"type": HEADS, "history_type": ("post",), "action_space": ("continuous",)}
    defaults = {"history_type": "post", "action_space": "continuous"}
    for key, allowed in wanted.items():
        told = head.get(key, defaults.get(key))
        if told not in allowed:
            what = f"is {json.dumps(told)}, and {batch} needs {' or '.join(map(json.dumps, allowed))}"
            yield f"act_head.{key}", f"{what}: there each frame goes through the base model alone", APART
    if config.get("use_clip_norm"):
        yield (
            "use_clip_norm",
            f"is true, and its loss is over windows apart, which {batch} does not make",
            APART,
        )
    if any(block.get("balance") and block.get("batch", "window") != "window" for block in mobile_blocks(config)):
        what = f"repeats windows, and with {batch} an episode has each of its own once"
        yield "train_dataset.balance", what, f"set it to null, or {APART}"
