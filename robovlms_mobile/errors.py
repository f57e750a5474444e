"""The plugin's errors. Each message says what, where, seen against expected, and the next command."""


class MobileError(Exception):
    """Base of every error the plugin raises on purpose; the command line prints it without a traceback.

    Args:
        what: what is wrong and where, seen against expected: whole sentences.
        fix: the next step, a sentence; "" where `what` has it already, or there is none.
    """

    def __init__(self, what: str, fix: str = "") -> None:
        super().__init__(what, fix)  # the two that a pickled error is made from again
        self.what, self.fix = what, fix

    def __str__(self) -> str:
        return f"{self.what} {self.fix}".strip()


class ConfigError(MobileError):
    """A config file or a dataset block is wrong."""


class DataError(MobileError):
    """An episode file, or a folder of them, cannot be used."""


class CheckoutError(MobileError):
    """The RoboVLMs checkout is absent, changed, or at another commit."""


class RegistrationError(MobileError):
    """A class could not be put into one of upstream's namespaces."""


class ModelError(MobileError):
    """The base model cannot be loaded, or cannot take the adapters asked for."""


class CheckpointError(MobileError):
    """Adapters or a training state cannot be saved, loaded or resumed."""


class PolicyError(MobileError):
    """A policy cannot act: what it is shown or told is unfit, or what it answers is no number."""
