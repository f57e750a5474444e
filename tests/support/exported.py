"""What an exported folder computes, and what is left beside it."""

import torch
from support.adapter_folders import kosmos

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
EMBEDS = torch.linspace(-1, 1, 2 * 5 * 64).reshape(2, 5, 64)


def hidden(model):
    with torch.no_grad():
        return model.float().text_model.model(inputs_embeds=EMBEDS).last_hidden_state


def with_peft(vlm, folder):
    from peft import PeftModel

    return PeftModel.from_pretrained(kosmos(vlm), str(folder)).eval().base_model.model


def left_beside(to):
    return sorted(path.name for path in to.parent.iterdir())
