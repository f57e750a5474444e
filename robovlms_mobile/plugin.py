"""What runs when: Lightning's callbacks factory, the checkout's early load, and `register()` by hand."""

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import wrapt

from robovlms_mobile import registry
from robovlms_mobile.launch import cpu, messages
from robovlms_mobile.launch import process as launch

if TYPE_CHECKING:
    from lightning.pytorch import Callback

_hooked = []


@dataclass(frozen=True)
class Report:
    """What `register()` did: launch preparations, classes set, modules that will be filled once imported."""

    launch: tuple[str, ...]
    registered: tuple[registry.Registration, ...]
    pending: tuple[str, ...]


def register() -> Report:
    """Fill upstream's namespaces and mend its modules, now or as soon as they are imported. Idempotent.

    Nothing outside upstream's modules is changed: no environment, no function of Python's or torch's.
    """
    done = launch.prepare()
    fill_namespaces()
    pending = tuple(group for group in registry.GROUPS if group not in sys.modules)
    return Report(tuple(done), registry.registered(), pending)


def early_load() -> None:
    """Entry point of `robovlms.plugins`: called by a patched checkout before any of upstream is imported.

    Where it is the checkout's main.py that imports it, the process gets what main.py needs until it ends.

    Raises:
        ConfigError: main.py runs in fewer processes, or more, than its config and flags ask for.
    """
    messages.print_without_traceback()
    script = messages.main_script()
    if script is not None:
        from robovlms_mobile.launch import ranks

        ranks.check_main(script, sys.argv[1:])
    register()
    launch.around_running_main()


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
    from robovlms_mobile.training import callbacks
    from robovlms_mobile.training.resume import start

    start.install()
    return callbacks()


def fill_namespaces() -> None:
    """Fill each of upstream's namespaces that is imported, and hook the import of those that are not."""
    for group in registry.GROUPS:
        if group in sys.modules:
            registry.register_group(sys.modules[group])
        elif group not in _hooked:
            _hooked.append(group)
            wrapt.register_post_import_hook(registry.register_group, group)
