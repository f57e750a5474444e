"""A policy head that chooses one of the nine keys for each action: a mean between left and right is never driven."""

from typing import Any

import robovlms.model.policy_head as upstream
import torch
from torch.nn import Identity, Linear, init
from torch.nn.functional import cross_entropy, pad

from robovlms_mobile.data.directions import DIRECTIONS, OFF_KEYS
from robovlms_mobile.errors import ConfigError
from robovlms_mobile.model.heads import RealDimsLoss

ARM = 6  # action dims of upstream's heads, the gripper apart
NOT_KEYS = (
    "act_head.type is MobileKeyDecoder, and the recorded actions are not the nine keys: after normalisation they are "
    "{:.2f} away from -1, 0 and 1 in the mean. The robot would drive at another speed than it was shown."
)
FIX = (
    '"norm_action": true, and norm_min and norm_max minus and plus the speed of a key; for actions of many speeds '
    "MobileLSTMDecoder."
)


class MobileKeyDecoder(RealDimsLoss, upstream.LSTMDecoder):
    """Upstream's LSTMDecoder up to its last layer, which scores the nine keys instead of six velocities.

    A key is -1, 0 or 1 on each of the two real dims: norm_min, the middle between them, or norm_max in m/s.
    """

    learned = -1  # which of what it says: the scores, for a key that was chosen has no gradient

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        wide = self.actions.mlp[-2].in_features
        self.actions.mlp[-2] = Linear(wide, self.fwd_pred_next_n * len(DIRECTIONS))
        self.actions.mlp[-1] = Identity()  # instead of tanh
        init.xavier_uniform_(self.actions.mlp[-2].weight)  # as upstream
        init.zeros_(self.actions.mlp[-2].bias)
        signs = torch.tensor([key.signs for key in DIRECTIONS], dtype=torch.float32)
        self.register_buffer("keys", signs, persistent=False)  # (9, 2)

    def forward(self, tok_seq: torch.Tensor, **kwargs: Any) -> tuple[torch.Tensor, ...]:
        """Return the best key as a velocity, arm (B, W, N, 6), gripper (B, W, N, 1), and scores (B, W, N, 9)."""
        scores, gripper = super().forward(tok_seq, **kwargs)
        return pad(self.keys[scores.argmax(-1)], (0, ARM - 2)), gripper, scores

    def errors(self, pred_action, labels):
        """Cross-entropy of each action's key, (B, W, N). A label is the key nearest to it."""
        wanted = labels[0][..., None, : self.real_dims].float()  # (B, W, N, 1, 2)
        distance, key = (wanted - self.keys).norm(dim=-1).min(-1)
        if not self.training and distance.mean() > OFF_KEYS:  # not in every step: a GPU would wait for the answer
            raise ConfigError(NOT_KEYS.format(distance.mean()), FIX)
        scores = pred_action[-1].float()  # (B, W, N, 9)
        return cross_entropy(scores.flatten(0, -2), key.flatten(), reduction="none").view_as(key)
