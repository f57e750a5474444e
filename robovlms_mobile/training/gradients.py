"""Stop a run whose adapters get no gradient, or none that is a number, instead of training nothing for hours."""

import torch
from lightning.pytorch.callbacks import Callback

from robovlms_mobile.model.lora import is_lora

STEPS = 2
SKIPPED = 25  # FP16 begins by scaling gradients by 2**16 and halves that at each skipped step: after 25 it is 2**-9


class GradientGuard(Callback):
    """Raises ModelError when, after two optimizer steps, a LoRA tensor had no gradient, naming all that had none.

    B starts at zero, so A has a gradient only after a step that moved its B: a step at learning rate 0 (warm-up) or one
    that mixed precision skips for an overflow moves nothing, and A is judged only once its B is not zero. At the end of
    the first epoch that took steps no B may be zero: if all are, ModelError; if some are, a warning that names them.
    """

    def __init__(self):
        self._steps = 0
        self._waiting = None
        self._moves = False

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        self._moves = self._moves or any(group["lr"] > 0 for group in optimizer.param_groups)
        if self._waiting is None:
            self._waiting = {name: p for name, p in pl_module.named_parameters() if is_lora(name) and p.requires_grad}
        if not self._waiting:
            return
        self._steps += 1
        self._waiting = {name: p for name, p in self._waiting.items() if p.grad is None or not p.grad.any()}
        without = [name for name in self._waiting if not self._may_still_come(name, pl_module)]
        if self._steps >= STEPS and without:
            from robovlms_mobile.training.bad_gradients import none_yet

            raise none_yet(without, self._steps)

    def on_train_epoch_end(self, trainer, pl_module):
        if not self._moves:
            return
        self._moves = False
        written = [(name, p) for name, p in pl_module.named_parameters() if p.requires_grad and _is_b(name)]
        still = [name for name, p in written if not p.detach().any()]
        if still:
            from robovlms_mobile.training.bad_gradients import still_zero

            still_zero(still, len(written), trainer.is_global_zero)

    def _may_still_come(self, name, pl_module):
        partner = name.replace(".lora_A.", ".lora_B.").replace(".lora_embedding_A.", ".lora_embedding_B.")
        return partner != name and not pl_module.get_parameter(partner).detach().any()


class FiniteGradients(Callback):
    """Raises ModelError for gradients that are not finite, before they are taken for a step.

    In FP16 that is how the scale is found, and such a step is skipped: SKIPPED of them in a row are no search any more.
    In any other precision one such step would make every weight NaN.
    """

    def __init__(self):
        self._skipped = 0
        self._trained = None

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        if self._trained is None:  # walking through all modules at each step costs more than looking at the gradients
            self._trained = [(name, p) for name, p in pl_module.named_parameters() if p.requires_grad]
        given = [(name, p.grad) for name, p in self._trained if p.grad is not None]
        if not given or bool(torch.isfinite(torch.stack([grad.sum() for _, grad in given])).all()):
            self._skipped = 0
            return
        self._skipped += 1
        scaled = getattr(trainer.precision_plugin, "scaler", None) is not None
        if scaled and self._skipped < SKIPPED:
            return
        from robovlms_mobile.training.bad_gradients import not_finite

        wrong = [name for name, grad in given if not grad.isfinite().all()]
        raise not_finite(wrong, len(given), trainer.global_step, SKIPPED if scaled else 0)


def _is_b(name):
    return ".lora_B." in name or ".lora_embedding_B." in name
