"""What a config says of keeping: `mobile.checkpoints`. No torch."""

from dataclasses import dataclass, fields

from robovlms_mobile.data.names import Rules, check_keys, check_values, whole

DTYPES = ("fp32", "fp16", "bf16")
MODES = ("min", "max")
MORE_IS_BETTER = ("accuracy", "recall")  # how the name of such a metric ends


@dataclass(frozen=True)
class CheckpointOptions:
    """What is kept of a run, and when.

    Attributes:
        monitor: the logged metric `best` goes by; None: `val_loss`, or `train_loss` in a run without validation.
        mode: "min" when less is better, "max" when more is; None: "max" for an accuracy or a recall, else "min".
        every_n_epochs: period of the adapter folders `epoch-0010`, `epoch-0020`, …
        every_n_steps: also write `last.ckpt` every so many optimizer steps; None: after each epoch only.
        keep: how many of the best epochs have a folder. With more than one each is `best-epoch-0007` besides `best`.
        dtype: of the tensors in adapter folders; `last.ckpt` is always as trained.
    """

    monitor: str | None = None
    mode: str | None = None
    every_n_epochs: int = 10
    every_n_steps: int | None = None
    keep: int = 1
    dtype: str = "fp32"

    @property
    def sense(self) -> str:
        """ "min" or "max": the mode that holds."""
        more = str(self.monitor).endswith(MORE_IS_BETTER)
        return self.mode or ("max" if more else "min")


def checkpoint_options(configs: dict) -> CheckpointOptions:
    """Return the `CheckpointOptions` of a config.

    Raises:
        ConfigError: unknown keys or values, all of them named.
    """
    given = (configs.get("mobile") or {}).get("checkpoints") or {}
    check_keys(given, [field.name for field in fields(CheckpointOptions)], "mobile.checkpoints")
    check_values(given, VALUES, "mobile.checkpoints")
    return CheckpointOptions(**given)


VALUES: Rules = {
    "monitor": (lambda value: value is None or (isinstance(value, str) and value != ""), "the name of a logged metric"),
    "mode": (lambda value: value is None or value in MODES, f"one of {list(MODES)}, or null"),
    "every_n_epochs": (whole, "a whole number > 0"),
    "every_n_steps": (lambda value: value is None or whole(value), "a whole number > 0, or null"),
    "keep": (whole, "a whole number > 0"),
    "dtype": (lambda value: value in DTYPES, f"one of {list(DTYPES)}"),
}
