"""Stop a run whose adapters get no gradient, instead of training nothing for hours."""

import torch
from lightning.pytorch.callbacks import Callback

from robovlms_mobile.errors import ModelError
from robovlms_mobile.model.lora import is_lora

STEPS = 2


class GradientGuard(Callback):
    """Raises ModelError when, after two optimizer steps, a LoRA tensor had no gradient, naming all that had none.

    B starts at zero, so A has a gradient only after a step that moved its B: a step at learning rate 0 (warm-up) or one
    that mixed precision skips for an overflow moves nothing, and A is judged only once its B is not zero.
    """

    def __init__(self):
        self._steps = 0
        self._waiting = None

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        if self._waiting is None:
            self._waiting = {name: p for name, p in pl_module.named_parameters() if is_lora(name) and p.requires_grad}
        if not self._waiting:
            return
        self._steps += 1
        self._waiting = {name: p for name, p in self._waiting.items() if not _has_gradient(p)}
        without = [name for name in self._waiting if not self._may_still_come(name, pl_module)]
        if self._steps >= STEPS and without:
            raise ModelError(
                f"{len(without)} LoRA tensors got no gradient in the first {self._steps} optimizer steps: "
                f"{', '.join(without)}. They would stay untrained: choose mobile.lora.targets that the loss depends on."
            )

    def _may_still_come(self, name, pl_module):
        partner = name.replace(".lora_A.", ".lora_B.").replace(".lora_embedding_A.", ".lora_embedding_B.")
        return partner != name and not pl_module.get_parameter(partner).detach().any()


def _has_gradient(parameter):
    return parameter.grad is not None and bool(torch.count_nonzero(parameter.grad))
