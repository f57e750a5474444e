"""What runs when: Lightning's callbacks factory, the checkout's early load, and `register()` by hand."""

import functools
import sys
from typing import TYPE_CHECKING

import wrapt

from robovlms_mobile import registry
from robovlms_mobile.launch import cpu, messages, placeholders
from robovlms_mobile.launch import process as launch

if TYPE_CHECKING:
    from lightning.pytorch import Callback


def register() -> None:
    """Fill upstream's namespaces and mend its modules, now or as soon as they are imported. Idempotent.

    Nothing outside upstream's modules is changed: no environment, no function of Python's or torch's.
    """
    placeholders.install()
    cpu.allow()
    fill_namespaces()


def early_load() -> None:
    """Entry point of `robovlms.plugins`: called by a patched checkout before any of upstream is imported.

    Where it is the checkout's main.py that imports it, the process gets what main.py needs until it ends.

    Raises:
        ConfigError: its config cannot be read, or asks for another number of processes than there are.
    """
    messages.print_without_traceback()
    if main := messages.main_script():
        launch.around_running_main(main, sys.argv[1:])
    register()


def callbacks_factory() -> "list[Callback]":
    """Entry point of Lightning: called inside every Trainer's constructor.

    Returns:
        the plugin's callbacks, or [] when this Trainer is not upstream's.
    """
    if "robovlms.data" not in sys.modules:
        return []
    messages.print_without_traceback()
    launch.keep_site_packages()  # upstream's copy comes after its Trainer
    cpu.allow()
    fill_namespaces()
    from robovlms_mobile.training.resume import start
    from robovlms_mobile.training.run import MobileRun

    start.install()
    return [MobileRun()]


def fill_namespaces() -> None:
    """Fill each of upstream's namespaces that is imported, and hook the import of those that are not."""
    for group in registry.GROUPS:
        _hook(group)
        if group in sys.modules:
            registry.register_group(sys.modules[group])  # again: a class only half imported before is whole now


@functools.cache
def _hook(group):
    wrapt.register_post_import_hook(registry.register_group, group)
