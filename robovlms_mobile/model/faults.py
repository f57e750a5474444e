"""What to say of a base model that does not load, and of samples that depend on their batch. Loaded when needed."""

import warnings

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


def warn_of_company(unordered: dict, batch_size: int) -> None:
    """Warn of the settings of a head under which it reads tokens that are not in a sample's own order."""
    settings = " and ".join(f"{key} {value!r}" for key, value in unordered.items())
    what = (
        f"act_head.{settings}: the padding of batch_size {batch_size} reaches the head, so a sample depends on how "
        "long the other instructions in its batch are. Set history_type to post and action_space to continuous, or "
        "batch_size to 1."
    )
    warnings.warn(what, stacklevel=4)
