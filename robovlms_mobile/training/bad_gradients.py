"""What to say of gradients that are absent, too small or not finite. Loaded when there are any."""

import warnings

from robovlms_mobile.errors import ModelError

SHOWN = 3  # tensors named


def none_yet(names: list[str], steps: int) -> ModelError:
    """Return the error for adapters that have had no gradient in so many optimizer steps."""
    return ModelError(
        f"{len(names)} LoRA tensors got no gradient in the first {steps} optimizer steps: {', '.join(names)}. "
        "They would stay untrained: choose mobile.lora.targets that the loss depends on."
    )


def still_zero(names: list[str], of: int, aloud: bool) -> None:
    """Raise ModelError where all `of` lora_B are zero after an epoch; else, with `aloud`, warn of those that are."""
    if len(names) == of:
        raise ModelError(
            f"The adapters did not train: after an epoch all {of} lora_B are still zero, as they began.",
            "Look whether train_setup.freeze_backbone, mobile.lora.targets and the optimizer leave them trainable, "
            "and whether every step was skipped (FP16: set trainer.precision to bf16-mixed).",
        )
    if aloud:
        warnings.warn(f"{len(names)} of {of} lora_B are still zero after an epoch: {_some(names)}.", stacklevel=1)


def not_finite(names: list[str], of: int, step: int, skipped: int) -> ModelError:
    """Return the error for gradients of `names` that are not finite.

    Args:
        of: how many tensors have gradients.
        step: of the run.
        skipped: how many steps in a row FP16 has skipped for that, 0 in another precision.
    """
    what = f"The gradients of {len(names)} of {of} tensors are not finite at step {step} ({_some(names)})"
    saved = 'What was saved is whole: "resume": "last" goes on from it.'
    if skipped:
        return ModelError(
            f"{what}, and {skipped} steps in a row were skipped for that: FP16 does not recover.",
            f'Use bf16-mixed ("precision": "bf16-mixed" in trainer) where the card has it, else "32". {saved}',
        )
    return ModelError(
        f"{what}; taken, they would make every weight NaN.",
        "Lower learning_rate, set gradient_clip_val to 1.0 and look for odd values with robovlms-mobile data check. "
        + saved,
    )


def _some(names):
    return ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")
