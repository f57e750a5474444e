"""Names that transformers 5 moved or removed and upstream's GPT head still imports."""

GONE = ("SequenceSummary", "find_pruneable_heads_and_indices", "prune_conv1d_layer")


def restore_gpt2_names():
    """Make `robovlms.model.policy_head.trajectory_gpt2` importable; what is gone raises only when it is used."""
    from transformers import modeling_utils, pytorch_utils

    from robovlms_mobile.placeholders import Placeholder

    if not hasattr(modeling_utils, "Conv1D"):
        modeling_utils.Conv1D = pytorch_utils.Conv1D
    for name in GONE:
        if not hasattr(modeling_utils, name):
            stand_in = Placeholder(f"transformers.modeling_utils.{name}", "transformers<5", "robovlms")
            setattr(modeling_utils, name, stand_in)
