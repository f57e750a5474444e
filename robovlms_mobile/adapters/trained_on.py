"""What a run was trained on, for its contract: sentences, prompt, pace and size of the recordings. Opens no file."""

from collections import Counter
from typing import Any

import numpy as np

from robovlms_mobile.data.instructions import instruction_for

SPREAD = {"low": 0.05, "median": 0.5, "high": 0.95}  # of the episodes' means
SOURCE = "seconds / frames of each episode as it was trained: by its frames' times, else total_duration"


def add_data(contract: dict, dataset: Any, tokenizer: Any) -> None:
    """Put into a contract what no config says. What nobody noted is None.

    Adds "instructions": sentence → episodes it was said in, or was mirrored from where those are more;
    "prompt_template": text, and the ids of one of the sentences in it; "period": seconds from a frame to the next; and
    in "image" "recorded_size": [width, height] in pixels, of most episodes.

    Args:
        dataset: the MobileVLAH5Dataset that the run trains on.
        tokenizer: the base model's.
    """
    episodes, block = dataset.episodes, dataset.block
    said = [(instruction_for(each, block.instruction), each.scenario) for each in episodes]
    sentences = Counter(text for text, _ in said)
    if block.mirror:
        from robovlms_mobile.data.augment.mirror import mirror_instruction

        sentences |= Counter(mirror_instruction(*each) or each[0] for each in said)
    example = max(sentences)
    ids = dataset.text_fn([example])[0][0].tolist()
    text = tokenizer.decode(ids).replace(example, "{instruction}")
    paces = [each.seconds / each.length for each in episodes if each.seconds]
    spread = {key: float(np.quantile(paces, share)) if paces else None for key, share in SPREAD.items()}
    size = Counter(tuple(each.size) for each in episodes if each.size).most_common(1)
    contract |= {
        "instructions": sentences,
        "prompt_template": {"text": text, "example": example, "ids": ids},
        "period": {**spread, "episodes": len(paces), "source": SOURCE},
    }
    contract["image"]["recorded_size"] = size[0][0] if size else None
