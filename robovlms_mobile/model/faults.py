"""What to say of a base model that does not load, and of samples that depend on their batch. Loaded when needed."""

from robovlms_mobile.errors import ModelError


def missing(file: str, folder: str | None) -> ModelError:
    """Return the error for a file of the base model that is not there; folder: `vlm.pretrained_model_name_or_path`."""
    return ModelError(
        f"{file} is missing.",
        f"Put the base model's folder at vlm.pretrained_model_name_or_path ({folder}), or correct that path in the "
        "config.",
    )


def tokenizer(path: str, kind: str, error: Exception) -> ModelError:
    """Return the error for a tokenizer's folder that does not load as a class of transformers."""
    return ModelError(
        f"tokenizer.pretrained_model_name_or_path {path} does not load as {kind}: {type(error).__name__}: {error}.",
        "Nothing was changed; put the base model's files back there.",
    )


def company(settings: list[str], batch_size: int) -> str:
    """Return the warning for settings of the head under which it reads tokens that are not in a sample's own order."""
    return (
        f"act_head.{' and '.join(settings)}: the padding of batch_size {batch_size} reaches the head, so a sample "
        "depends on how long the other instructions in its batch are. Set history_type to post and action_space "
        "to continuous, or batch_size to 1."
    )
