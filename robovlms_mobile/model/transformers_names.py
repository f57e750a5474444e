"""What transformers 5 moved or removed and upstream's GPT head still relies on."""

import wrapt

MODULE = "robovlms.model.policy_head.trajectory_gpt2"
GONE = ("SequenceSummary", "find_pruneable_heads_and_indices", "prune_conv1d_layer")


def restore_gpt2_names() -> None:
    """Make upstream's GPT module importable and its model buildable; what is gone raises only when it is used."""
    from transformers import modeling_utils, pytorch_utils

    from robovlms_mobile.launch.placeholders import Placeholder

    if not hasattr(modeling_utils, "Conv1D"):
        modeling_utils.Conv1D = pytorch_utils.Conv1D
    for name in GONE:
        if not hasattr(modeling_utils, name):
            stand_in = Placeholder(f"transformers.modeling_utils.{name}", "transformers<5", "robovlms")
            setattr(modeling_utils, name, stand_in)
    wrapt.register_post_import_hook(_no_tied_weights, MODULE)


def _no_tied_weights(module):
    """Upstream's GPT ties nothing, but initialises itself in a way that leaves transformers 5 without that answer."""
    if not hasattr(module.GPT2PreTrainedModel, "all_tied_weights_keys"):
        module.GPT2PreTrainedModel.all_tied_weights_keys = {}
