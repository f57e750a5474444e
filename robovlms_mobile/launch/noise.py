"""What a person sees of a run: what they can act on. Nothing is taken from errors, and nothing outside our runs."""

import builtins
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from robovlms_mobile.launch.placeholders import BUILTINS
from robovlms_mobile.options import is_mobile

PACKAGE = str(Path(__file__).resolve().parents[1])
WARNINGS = (  # how it begins, the module it comes from: each is about what Lightning's or upstream's code does
    (r"`isinstance\(treespec, LeafSpec\)` is deprecated", r"lightning\.pytorch\.utilities\._pytree"),
    (r"'pin_memory' argument is set as true but no accelerator", r"torch\.utils\.data\.dataloader"),
    (r"Checkpoint directory .* exists and is not empty", r"lightning\.pytorch\.callbacks\.model_checkpoint"),
    (r"`is_gradient_checkpointing` is deprecated", r"transformers\.modeling_utils"),  # peft asks for it
    (r"It is recommended to use `self\.log\(.*sync_dist=True", r"lightning\.pytorch\.trainer\.connectors\."),
)
LOGGED = re.compile(  # how a line of Lightning's log begins
    r"(\[rank: \d+\] )?Seed set to|Adding \d+ callbacks from entry point|[GTHI]PU available: False"
    r"|`Trainer\.fit` stopped: `max_(epochs|steps)=|💡 Tip|Loading `train_dataloader` to estimate"
)
PRINTED = re.compile(  # how a line that upstream prints begins: its dump of the config, and sums on it
    r"[-=]{15}|\w+ not in config\. |fwd next n: |\w+ Model Parameters: |LR SCHEDULER CONFIGS"
    r"|effective batch size: |Initializing dataloader from config|Project config$|[a-z_]+: |$"
)

_hiding = False


def hides() -> bool:
    """True while a run of ours keeps out of sight what a user cannot act on."""
    return _hiding


@contextmanager
def hidden() -> Iterator[None]:
    """Keep known noise of Lightning, torch and upstream out of sight, and print the plugin's warnings as sentences."""
    global _hiding
    handlers = _lightnings_handlers()
    stock = warnings.formatwarning

    def sentence(message, category, filename, *place, **line):
        ours = filename.startswith(PACKAGE)
        return f"robovlms-mobile: {message}\n" if ours else stock(message, category, filename, *place, **line)

    with quiet_libraries():
        warnings.formatwarning = sentence
        for handler in handlers:
            handler.addFilter(_worth_logging)
        BUILTINS["print"], _hiding = upstream_print, True
        try:
            yield
        finally:
            BUILTINS["print"], _hiding = builtins.print, False
            for handler in handlers:
                handler.removeFilter(_worth_logging)
            warnings.formatwarning = stock


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep out of sight the warnings in WARNINGS, and transformers' bars while it loads weights; a download's stay."""
    from transformers.utils import logging as bars

    shown = bars._tqdm_active  # its public switch is the downloads' as well
    with warnings.catch_warnings():
        for message, module in WARNINGS:
            warnings.filterwarnings("ignore", message, module=module)
        bars._tqdm_active = False
        try:
            yield
        finally:
            bars._tqdm_active = shown


def upstream_print(*values: Any, **options: Any) -> None:
    """Print what upstream's code prints, without its dumps of the config while a run hides noise."""
    dump = isinstance(values[0], dict | set) or PRINTED.match(str(values[0])) if values else True
    if not (_hiding and dump):
        print(*values, **options)


def wanted(configs: dict) -> bool:
    """Return whether all should be shown: `"mobile": {"verbose": true}` in the config, or a run that is not ours."""
    mobile = configs.get("mobile")
    return not is_mobile(configs) or bool(isinstance(mobile, dict) and mobile.get("verbose"))


def _lightnings_handlers():
    import lightning.pytorch  # which sets up its loggers, and is what upstream imports anyway

    loggers = ("lightning", "lightning.fabric", lightning.pytorch.__name__)
    return [handler for name in loggers for handler in logging.getLogger(name).handlers]


def _worth_logging(record):
    return record.levelno > logging.INFO or not LOGGED.match(record.getMessage())
