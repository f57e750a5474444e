"""What the checks look at. A plain value, nothing else."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Subject:
    """What is looked at.

    Args:
        root: the checkout's folder, or None for where it is looked for by default.
        config: a loaded config; empty where only the machine is looked at.
        config_path: the file it came from.
    """

    root: str | None = None
    config: dict = field(default_factory=dict)
    config_path: str = ""
