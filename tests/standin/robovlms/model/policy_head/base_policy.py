"""Action tokens → a chunk of N actions per frame: six arm dims through tanh, one gripper logit."""

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, huber_loss


class MLPHead(nn.Module):
    def __init__(self, hidden_size, output_size, last=None):
        super().__init__()
        layers = [nn.Linear(hidden_size, 64), nn.ReLU(), nn.Linear(64, output_size)]
        self.mlp = nn.Sequential(*layers, *([last] if last is not None else []))

    def forward(self, x):
        return self.mlp(x)


class BasePolicyHead(nn.Module):
    def __init__(self, hidden_size, action_dim, action_space="continuous", down_sample="pooling", latent=1, **kwargs):
        super().__init__()
        self.hidden_size, self.action_dim, self.action_space = hidden_size, action_dim, action_space
        self.down_sample, self.latent = down_sample, latent

    def loss(self, pred_action, labels, attention_mask=None):
        # pred (B, W, N, 7) or (B, W, N, 6), (B, W, N[, 1]); labels (B, W, N, 6), (B, W, N); mask (B, W, N)
        if isinstance(pred_action, (tuple, list)):
            arm, gripper = pred_action
            pred_action = torch.cat([arm, gripper.view(*arm.shape[:-1], 1)], dim=-1)
        arm, gripper = pred_action[..., :6], pred_action[..., -1]
        keep = torch.ones_like(gripper) if attention_mask is None else attention_mask
        keep = keep.bool()
        hits = ((gripper > 0).float() == labels[1])[keep].float()
        return {
            "loss_arm": huber_loss(arm[keep], labels[0][keep]),  # a mean over the six dims, padding too
            "loss_gripper": binary_cross_entropy_with_logits(gripper[keep], labels[1][keep]),
            "acc_gripper": hits.mean().item(),
        }

    def get_labels(self, pred_actions, labels, action_masks, **kwargs):
        return pred_actions, labels, action_masks


class _ChunkHead(BasePolicyHead):
    """What the three continuous heads share: keywords, pooling over tokens, and the two outputs."""

    def __init__(self, in_features, action_dim, down_sample, latent, fwd_pred_next_n, hidden_size=1024, **kwargs):
        window = kwargs.pop("window_size", None)
        super().__init__(hidden_size, action_dim, down_sample=down_sample, latent=latent, **kwargs)
        if down_sample not in ("pooling", "none"):
            raise NotImplementedError(down_sample)
        self.fwd_pred_next_n, self.window_size, self.history_len = fwd_pred_next_n, window, window
        self.actions = MLPHead(hidden_size * latent, fwd_pred_next_n * (action_dim - 1), nn.Tanh())
        self.gripper = MLPHead(hidden_size * latent, fwd_pred_next_n)
        if down_sample == "pooling":
            self.global_1d_pool = nn.AdaptiveMaxPool1d(latent)
        self._build(in_features * latent, hidden_size * latent)

    def _pool(self, tok_seq):
        # (B, W, n, D) → (B, W, latent · D)
        if self.down_sample == "none":
            return tok_seq.flatten(2)
        pooled = self.global_1d_pool(tok_seq.flatten(0, 1).transpose(1, 2))  # (B·W, D, latent)
        return pooled.transpose(1, 2).reshape(*tok_seq.shape[:2], -1)

    def _decode(self, x):
        # (B, W, hidden) → (B, W, N, 6), (B, W, N, 1)
        return tuple(head(x).unflatten(-1, (self.fwd_pred_next_n, -1)) for head in (self.actions, self.gripper))


class FCDecoder(_ChunkHead):
    def _build(self, size_in, size):
        self.mlp = nn.Sequential(nn.Linear(size_in, size_in // 2), nn.ReLU(), nn.Linear(size_in // 2, size))

    def forward(self, tok_seq, **kwargs):
        return self._decode(self.mlp(self._pool(tok_seq)))


class LSTMDecoder(_ChunkHead):
    def __init__(self, *args, num_layers=4, policy_rnn_dropout_p=0.0, **kwargs):
        self.rnn_options = {"num_layers": num_layers, "dropout": policy_rnn_dropout_p}
        super().__init__(*args, **kwargs)

    def _build(self, size_in, size):
        self.rnn = nn.LSTM(size_in, size, batch_first=True, **self.rnn_options)
        self.reset()

    def reset(self):
        self.hidden_state, self.history_memory = None, []

    def forward(self, tok_seq, h_0=None, **kwargs):
        tok_seq = self._pool(tok_seq)
        if tok_seq.shape[1] > 1:
            x, self.hidden_state = self.rnn(tok_seq, h_0)
            return self._decode(x)
        # one frame at a time: remembers what came before, at most history_len frames
        self.history_memory.append(tok_seq)
        if len(self.history_memory) <= self.history_len:
            x, self.hidden_state = self.rnn(tok_seq, self.hidden_state)
        else:
            self.history_memory = self.history_memory[-self.history_len :]
            x, _ = self.rnn(torch.cat(self.history_memory, dim=1))
        return self._decode(x[:, -1:])


class GPTDecoder(_ChunkHead):
    def _build(self, size_in, size):
        self.fc = nn.Linear(size_in, size) if size != size_in else nn.Identity()
        self.gpt = nn.TransformerEncoderLayer(size, nhead=1, dim_feedforward=64, dropout=0.0, batch_first=True)
        self.history_memory = []

    def forward(self, tok_seq, **kwargs):
        tok_seq = self.fc(self._pool(tok_seq))
        steps = tok_seq.shape[1]
        if steps == 1:
            self.history_memory = [*self.history_memory, tok_seq][-self.history_len :]
            tok_seq = torch.cat(self.history_memory, dim=1)
        causal = nn.Transformer.generate_square_subsequent_mask(tok_seq.shape[1], device=tok_seq.device)
        return self._decode(self.gpt(tok_seq, src_mask=causal)[:, -steps:])


class DiscreteDecoder(BasePolicyHead):
    """Actions as tokens of the language model: passes its logits on, and scores the next token."""

    def __init__(self, hidden_size, action_dim, n_bin=256, min_action=-1, max_action=1, tokenizer=None, **kwargs):
        super().__init__(hidden_size, action_dim, **kwargs)
        self.n_bin, self.min_action, self.max_action = n_bin, min_action, max_action

    def forward(self, tok_seq, **kwargs):
        return tok_seq

    def loss(self, pred_action_logits, labels, attention_mask=None):
        # logits (B, S, vocabulary), labels (B, S) with -100 where nothing is asked
        return {"loss_arm": cross_entropy(pred_action_logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())}
