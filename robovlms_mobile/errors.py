"""The plugin's errors. Each message says what, where, seen against expected, and the next command."""


class MobileError(Exception):
    """Base of every error the plugin raises on purpose; the command line prints it without a traceback."""


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
