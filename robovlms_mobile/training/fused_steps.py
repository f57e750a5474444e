"""An optimizer's step in one kernel, which needs no copies of the weights it changes. Loaded where there is CUDA."""

import torch
from lightning.pytorch.callbacks import Callback


class FusedSteps(Callback):
    """Turns upstream's AdamW to fused steps once a run starts or goes on, where torch has them."""

    def on_train_start(self, trainer, pl_module):
        for optimizer in trainer.optimizers:
            fuse(optimizer)

    def on_save_checkpoint(self, trainer, pl_module, checkpoint):
        """Leave it open for whoever resumes, perhaps where torch has no fused steps."""
        for state in checkpoint["optimizer_states"]:
            state["param_groups"] = [{**group, "fused": None, "foreach": None} for group in state["param_groups"]]


def fuse(optimizer: torch.optim.Optimizer) -> bool:
    """Let an AdamW take fused steps, in place. Its moments stay, its count of steps moves to its weights' device.

    Gradients are unscaled before the step as ever: torch's own way for fused steps under FP16 would not let them be
    clipped.

    Returns:
        bool: False where this torch has no fused AdamW for the device, and nothing was changed.
    """
    parameters = [each for group in optimizer.param_groups for each in group["params"]]
    try:
        torch.optim.AdamW([torch.zeros(1, device=parameters[0].device, requires_grad=True)], fused=True)
    except RuntimeError:
        return False
    for group in optimizer.param_groups:
        group.update(fused=True, foreach=False)
    for each in parameters:
        state = optimizer.state.get(each, {})
        if "step" in state:
            state["step"] = state["step"].to(each.device)
    return True
