"""Where a sample's tokens stand in a batch: where they would stand without the others. Knows tensors, not upstream."""

import torch


def alone_order(mask: torch.Tensor, at: int, count: int, from_end: bool) -> torch.Tensor:
    """Return the columns of each row in the order that a batch of this row alone has, padding last.

    Upstream puts image and action tokens at one column of the whole batch. A short instruction then has the batch's
    padding between its words and its action token, and so another position of that token than it has on a robot.

    Args:
        mask: (B, S), nonzero where a token is real, before `count` tokens were put in at column `at` of every row.
        at, count: 0 to S, and how many tokens were put in.
        from_end: count `at` from the end of a row's real tokens (the action token, before the last one), not from
            their start (an image, after the first one).

    Returns:
        (B, S + count) int64. Without padding it is 0, 1, 2, … in each row.

    Example: of the row "<s> go </s> <pad> ACT <pad>" the columns 0, 1, 4, 2, 3, 5.
    """
    real = mask.bool()
    rank = real.long().cumsum(1)  # 1 for the first real token of a row
    place = rank[:, -1:] - (mask.shape[1] - at) if from_end else at  # (B, 1): how many real tokens come before
    key = torch.where(real, torch.where(rank <= place, 0, 2), 3)  # (B, S)
    new = key.new_ones(len(key), count)
    return torch.cat([key[:, :at], new, key[:, at:]], dim=1).argsort(dim=1, stable=True)
