"""Upstream's policy heads with a loss over the dims the robot has. The layers, and so the weights, are upstream's."""

import robovlms.model.policy_head as upstream
from torch.nn.functional import huber_loss

from robovlms_mobile.model.transformers_names import restore_gpt2_names

restore_gpt2_names()  # for the stock GPTDecoder as well


class RealDimsLoss:
    """Mixed in before an upstream head: padding takes no part in the loss, nor a gripper the robot has not got.

    Args:
        gripper: True adds upstream's gripper loss and accuracy, for a robot that has one.
    """

    real_dims = 2  # how many leading action dims count; the backbone sets it from the dataset block

    def __init__(self, *args, gripper=False, **kwargs):
        super().__init__(*args, **kwargs)
        self.has_gripper = gripper

    def freeze_unused(self):
        """Freeze the gripper branch where it has no loss: it would get no gradient, which DDP refuses."""
        self.gripper.requires_grad_(self.has_gripper)

    def loss(self, pred_action, labels, attention_mask=None):
        """Huber loss (δ = 1) over real dims, averaged over what the mask calls real.

        Args:
            pred_action: (arm (B, W, N, 6), gripper (B, W, N, 1)), or both in one (B, W, N, 7).
            labels: (arm (B, W, N, 6), gripper (B, W, N)), in [-1, 1].
            attention_mask: (B, W, N), True where an action is real; None for all.

        Returns:
            dict: `loss_arm`, and with a gripper upstream's `loss_gripper` and `acc_gripper`.
        """
        stock = super().loss(pred_action, labels, attention_mask) if self.has_gripper or not _has_arm(labels) else {}
        if not _has_arm(labels):
            return stock
        arm = pred_action[0] if isinstance(pred_action, (tuple, list)) else pred_action
        each = huber_loss(arm[..., : self.real_dims], labels[0][..., : self.real_dims], reduction="none")
        real = each if attention_mask is None else each[attention_mask.bool()]  # (n, real_dims)
        return {**stock, "loss_arm": real.mean()}


class MobileLSTMDecoder(RealDimsLoss, upstream.LSTMDecoder):
    """Upstream's LSTMDecoder with the loss over real dims."""


class MobileFCDecoder(RealDimsLoss, upstream.FCDecoder):
    """Upstream's FCDecoder with the loss over real dims."""


class MobileGPTDecoder(RealDimsLoss, upstream.GPTDecoder):
    """Upstream's GPTDecoder with the loss over real dims."""


def _has_arm(labels):
    return labels is not None and labels[0] is not None
