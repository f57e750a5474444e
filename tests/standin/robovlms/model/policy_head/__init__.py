"""Policy heads, looked up here by `act_head.type`."""

from robovlms.model.policy_head.base_policy import DiscreteDecoder, FCDecoder, GPTDecoder, LSTMDecoder

__all__ = ["DiscreteDecoder", "FCDecoder", "GPTDecoder", "LSTMDecoder"]
