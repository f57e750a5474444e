"""Run in a process of its own: what the heads and their losses do on a checkout, as JSON. Argument: the checkout."""

import json
import sys

import torch
from torch.nn.functional import huber_loss

CHUNK, WINDOW, DIM = 3, 4, 16


def build(heads, name, window=WINDOW, **options):
    torch.manual_seed(0)
    size = {"in_features": DIM, "hidden_size": DIM, "window_size": window, "fwd_pred_next_n": CHUNK}
    return getattr(heads, name)(action_dim=7, down_sample="none", latent=1, **size, **options).eval()


def padding_rows(head):
    """Gradient of the last layer's rows: those of real dims, those of padding."""
    last = [module for module in head.actions.modules() if isinstance(module, torch.nn.Linear)][-1]
    rows = last.weight.grad.reshape(CHUNK, 6, -1).abs().sum(-1)  # (N, 6)
    return int(rows[:, :2].count_nonzero()), int(rows[:, 2:].count_nonzero())


def remembers(heads, kind):
    """Whether what a head of one-frame windows makes of a batch depends on the batches before it."""
    batches = torch.randn(4, 3, 1, 1, DIM)  # as upstream trains them: (B, W, latents, D), a head as for a robot
    trained = build(heads, f"Mobile{kind}Decoder", window=1)
    for batch in batches:
        arm = trained(batch)[0]
        arm.sum().backward()  # which an earlier batch's graph, gone by now, would refuse
        if not torch.equal(arm, build(heads, f"Mobile{kind}Decoder", window=1)(batch)[0]):
            return True
    return False


def probe(heads, kind):
    ours, stock = build(heads, f"Mobile{kind}Decoder"), build(heads, f"{kind}Decoder")
    stock.load_state_dict(ours.state_dict())
    tokens = torch.randn(2, WINDOW, 1, DIM)
    output = ours(tokens)
    same = all(torch.equal(a, b) for a, b in zip(output, stock(tokens), strict=True))
    ours.freeze_unused()
    arm = torch.rand(2, WINDOW, CHUNK, 6) - 0.5
    gripper = torch.zeros(2, WINDOW, CHUNK)
    mask = torch.rand(2, WINDOW, CHUNK) > 0.3
    loss = ours.loss(output, (arm, gripper), mask)
    other = arm.clone()
    other[..., 2:] = 0.9
    loss["loss_arm"].backward()
    real, padding = padding_rows(ours)
    own = [huber_loss(output[0][i][mask[i]][:, :2], arm[i][mask[i]][:, :2]) for i in range(len(arm))]
    nothing = ours.loss(output, (arm, gripper), mask & (torch.arange(len(mask)) == 0).view(-1, 1, 1))
    return {
        "same_output": same,
        "remembers": remembers(heads, kind),
        "same_keys": list(ours.state_dict()) == list(stock.state_dict()),
        "loss": float(loss["loss_arm"]),
        "loss_with_other_padding": float(ours.loss(output, (other, gripper), mask)["loss_arm"]),
        "expected": float(torch.stack(own).mean()),
        "without_second": [float(nothing["loss_arm"]), float(own[0] / 2)],
        "real_rows_with_gradient": real,
        "padding_rows_with_gradient": padding,
        "gripper_trainable": any(p.requires_grad for p in ours.gripper.parameters()),
        "keys": sorted(loss),
        "stock_keys": sorted(stock.loss(stock(tokens), (arm, gripper), mask)),
    }


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    import robovlms_mobile

    robovlms_mobile.register()
    import robovlms.model.policy_head as heads

    print(json.dumps({kind: probe(heads, kind) for kind in ("FC", "GPT", "LSTM")}))
