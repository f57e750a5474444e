"""What to say of a run that cannot save, or has no score to tell its best epoch by. Loaded when there is need."""

import warnings
from collections.abc import Mapping
from pathlib import Path

from robovlms_mobile.errors import CheckpointError


def no_room(folder: str | Path, reason: str | None) -> CheckpointError:
    """Return the error for a disk that refuses a run's folder before anything is trained."""
    return CheckpointError(
        f"Nothing can be written in {folder} ({reason}), so nothing was trained.",
        "Free some room there, or set output_root to a folder that can be written to, and start again.",
    )


def warn_of_no_validation(batch_size: int) -> None:
    """Warn of a run without `val_loss`."""
    what = (
        f"This run has no val_loss: the validation windows do not fill one batch of {batch_size} (upstream drops what "
        "is left), or validation is switched off. 'best' goes by the training loss instead. Lower batch_size, or add "
        "episodes."
    )
    warnings.warn(what, stacklevel=2)


def not_logged(monitor: str, values: Mapping[str, float | None]) -> CheckpointError:
    """Return the error for a metric to go by that is not among those logged, name → value."""
    known = ", ".join(sorted(name for name, value in values.items() if value is not None))
    return CheckpointError(
        f"mobile.checkpoints.monitor is {monitor!r}, which this run does not log. It logs: {known}.",
        'The epoch is saved: correct monitor, set "resume": "last", and start again.',
    )
