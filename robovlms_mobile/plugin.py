"""What runs when: Lightning's callbacks factory, the checkout's early load, and `register()` by hand."""

import sys
from dataclasses import dataclass

import wrapt

from robovlms_mobile import registry
from robovlms_mobile.launch import messages
from robovlms_mobile.launch import process as launch

_hooked = []


@dataclass(frozen=True)
class Report:
    """What `register()` did: launch preparations, classes set, modules that will be filled once imported."""

    launch: tuple
    registered: tuple
    pending: tuple


def register():
    """Prepare this process and fill upstream's namespaces, now or as soon as they are imported. Idempotent."""
    done = launch.prepare()
    fill_namespaces()
    pending = tuple(group for group in registry.GROUPS if group not in sys.modules)
    return Report(tuple(done), registry.registered(), pending)


def early_load():
    """Entry point of `robovlms.plugins`: called by a patched checkout before any of upstream is imported.

    Raises:
        ConfigError: main.py runs in fewer processes, or more, than its config and flags ask for.
    """
    messages.print_without_traceback()
    script = messages.main_script()
    if script is not None:
        from robovlms_mobile.launch import ranks

        ranks.check_main(script, sys.argv[1:])
    register()


def callbacks_factory():
    """Entry point of Lightning: called inside every Trainer's constructor.

    Returns:
        list[lightning.pytorch.Callback]: the plugin's callbacks, or [] when this Trainer is not upstream's.
    """
    if "robovlms.data" not in sys.modules:
        return []
    messages.print_without_traceback()
    launch.keep_site_packages()  # upstream's copy comes after its Trainer
    fill_namespaces()
    from robovlms_mobile.training import callbacks
    from robovlms_mobile.training.resume import start

    start.install()
    return callbacks()


def fill_namespaces():
    """Fill each of upstream's namespaces that is imported, and hook the import of those that are not."""
    for group in registry.GROUPS:
        if group in sys.modules:
            registry.register_group(sys.modules[group])
        elif group not in _hooked:
            _hooked.append(group)
            wrapt.register_post_import_hook(registry.register_group, group)
