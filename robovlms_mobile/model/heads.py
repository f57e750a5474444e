"""Upstream's policy heads with a loss over the dims the robot has. The layers, and so the weights, are upstream's."""

from collections.abc import Sequence

import robovlms.model.policy_head as upstream
import torch
from torch.nn.functional import huber_loss

from robovlms_mobile.model.transformers_names import restore_gpt2_names

restore_gpt2_names()  # for the stock GPTDecoder as well


class RealDimsLoss:
    """Mixed in before an upstream head: padding takes no part in the loss, nor does the gripper the robot has not."""

    real_dims = 2  # how many leading action dims count; the backbone sets it from the dataset block

    def freeze_unused(self) -> None:
        """Freeze the gripper branch: without a loss it gets no gradient, which DDP refuses."""
        self.gripper.requires_grad_(False)

    def loss(
        self,
        pred_action: torch.Tensor | tuple[torch.Tensor, ...] | list[torch.Tensor],
        labels: Sequence[torch.Tensor],
        attention_mask: torch.Tensor | None = None,
    ) -> dict[str, torch.Tensor]:
        """The mean of `_errors` of each sample over what its mask calls real, then the samples' mean.

        A mean over all that is real in the batch, as upstream's, would give a sample with few real actions less
        weight the more others have: what it contributes would depend on who shares its batch.

        Args:
            pred_action: (arm (B, W, N, 6), gripper (B, W, N, 1)), or both in one (B, W, N, 7).
            labels: (arm (B, W, N, 6), gripper (B, W, N)), in [-1, 1].
            attention_mask: (B, W, N), True where an action is real; None for all. A sample without any adds 0.
        """
        each = self._errors(pred_action, labels)
        if attention_mask is None:
            return {"loss_arm": each.mean()}
        real = attention_mask.bool()  # (B, W, N)
        total = each.masked_fill(~real, 0).flatten(1).sum(1)
        return {"loss_arm": (total / real.flatten(1).sum(1).clamp(min=1)).mean()}

    def _errors(self, pred_action, labels):
        """Huber loss (δ = 1) of each action, a mean over its real dims: (B, W, N)."""
        arm = pred_action[0] if isinstance(pred_action, (tuple, list)) else pred_action
        return huber_loss(arm[..., : self.real_dims], labels[0][..., : self.real_dims], reduction="none").mean(-1)


class MobileLSTMDecoder(RealDimsLoss, upstream.LSTMDecoder):
    """Upstream's LSTMDecoder with the loss over real dims."""


class MobileFCDecoder(RealDimsLoss, upstream.FCDecoder):
    """Upstream's FCDecoder with the loss over real dims."""


class MobileGPTDecoder(RealDimsLoss, upstream.GPTDecoder):
    """Upstream's GPTDecoder with the loss over real dims."""
