"""Run in a process of its own: what MobileKeyDecoder does on a checkout, as JSON. Argument: the checkout."""

import json
import sys

import torch
from torch.nn.functional import cross_entropy

CHUNK, WINDOW, DIM = 3, 4, 16


def build(head):
    torch.manual_seed(0)
    size = {"in_features": DIM, "hidden_size": DIM, "window_size": WINDOW, "fwd_pred_next_n": CHUNK}
    return head(action_dim=7, down_sample="none", latent=1, **size)


def learned(head, tokens, arm):
    """Share of labels that the head says after it was trained on them."""
    optimizer = torch.optim.Adam(head.parameters(), lr=0.02)
    for _ in range(150):
        optimizer.zero_grad()
        head.loss(head(tokens), (arm, None))["loss_arm"].backward()
        optimizer.step()
    return float((head(tokens)[0][..., :2] == arm[..., :2]).all(-1).float().mean())


def refused(head, output, arm):
    from robovlms_mobile.errors import ConfigError

    try:
        head.loss(output, (arm, None))
    except ConfigError as error:
        return str(error)
    return None


def probe(MobileKeyDecoder, signs):
    head, tokens = build(MobileKeyDecoder).eval(), torch.randn(2, WINDOW, 1, DIM)
    head.freeze_unused()
    keys = torch.tensor(signs)  # (9, 2)
    chosen = torch.randint(9, (2, WINDOW, CHUNK))
    arm = torch.nn.functional.pad(keys[chosen].float(), (0, 4))
    mask = torch.rand(2, WINDOW, CHUNK) > 0.3
    output = head(tokens)
    scores = output[-1]
    loss = head.loss(output, (arm, None), mask)["loss_arm"]
    own = [cross_entropy(scores[i][mask[i]], chosen[i][mask[i]]) for i in range(2)]
    loss.backward()
    off = arm.clone()
    off[..., :2] *= 0.5
    return {
        "arm": list(output[0].shape),
        "said": sorted(set(output[0].flatten().tolist())),
        "best": bool((output[0][..., :2] == keys[scores.argmax(-1)]).all()),
        "loss": float(loss),
        "expected": float(torch.stack(own).mean()),
        "refused": refused(head, output, off),
        "slightly_off": refused(head, output, arm * 0.98),
        "in_training": refused(head.train(), output, off),
        "learned": learned(build(MobileKeyDecoder), tokens, arm),
        "state": [name for name in head.state_dict() if "keys" in name],
        "gripper_trainable": any(p.requires_grad for p in head.gripper.parameters()),
    }


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    import robovlms_mobile

    robovlms_mobile.register()
    import robovlms.model.policy_head as heads

    from robovlms_mobile.data.directions import DIRECTIONS

    print(json.dumps(probe(heads.MobileKeyDecoder, [key.signs for key in DIRECTIONS])))
