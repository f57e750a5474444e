"""A policy head that chooses one of the nine keys for each action: a mean between left and right is never driven."""

from typing import Any

import robovlms.model.policy_head as upstream
import torch
from torch.nn import Identity, Linear, init
from torch.nn.functional import cross_entropy, pad

from robovlms_mobile.data.directions import DIRECTIONS, OFF_KEYS
from robovlms_mobile.model.heads import RealDimsLoss


class MobileKeyDecoder(RealDimsLoss, upstream.LSTMDecoder):
    """Upstream's LSTMDecoder up to its last layer, which scores the nine keys instead of six velocities.

    A key is -1, 0 or 1 on each of the two real dims: norm_min, the middle between them, or norm_max in m/s.
    """

    learned = -1  # which of what it says: the scores, for a key that was chosen has no gradient

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        last = Linear(self.actions.mlp[-2].in_features, self.fwd_pred_next_n * len(DIRECTIONS))
        init.xavier_uniform_(last.weight)  # as upstream
        init.zeros_(last.bias)
        self.actions.mlp[-2], self.actions.mlp[-1] = last, Identity()  # instead of tanh
        keys = torch.tensor([key.signs for key in DIRECTIONS]).float()  # (9, 2)
        self.register_buffer("keys", keys, persistent=False)

    def forward(self, tok_seq: torch.Tensor, **kwargs: Any) -> tuple[torch.Tensor, ...]:
        """Return the best key as a velocity, arm (B, W, N, 6), gripper (B, W, N, 1), and scores (B, W, N, 9)."""
        scores, gripper = super().forward(tok_seq, **kwargs)
        return pad(self.keys[scores.argmax(-1)], (0, 4)), gripper, scores

    def _errors(self, pred_action, labels):
        """Cross-entropy of each action's key, (B, W, N). A label is the key nearest to it."""
        wanted = labels[0][..., None, :2].float()  # (B, W, N, 1, 2)
        distance, key = (wanted - self.keys).norm(dim=-1).min(-1)
        if not self.training and distance.mean() > OFF_KEYS:  # not in every step: a GPU would wait for the answer
            from robovlms_mobile.model.off_keys import refused

            raise refused(float(distance.mean()))
        scores = pred_action[self.learned].float().flatten(0, -2)  # (B W N, 9)
        return cross_entropy(scores, key.flatten(), reduction="none").view_as(key)
