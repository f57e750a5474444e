"""Entry points → attributes of upstream's modules, where upstream looks classes up by name.

A group is named after the module it fills. The plugin's own classes come in this way, and so can anyone else's.
"""

import sys
from importlib.metadata import entry_points
from types import ModuleType

GROUPS = ("robovlms.data", "robovlms.model.backbone", "robovlms.model.policy_head")
OURS = "robovlms-mobile"

_done = set()  # entry points, each set once a process


def register_group(module: ModuleType) -> None:
    """Set every entry point of the group `module.__name__` as an attribute of `module`.

    Setting the same class again does nothing. A subclass replaces its base silently; replacing anything else
    warns once and names both. An entry point that does not load is warned about by name and leaves a class
    that raises RegistrationError when a config asks for it; the others are set all the same. A class whose module
    is only half imported now (its own import brought `module` in) waits for the next call.
    """
    for entry in _ours_first(module.__name__):
        if entry not in _done and not _half_imported(entry.module):
            _done.add(entry)
            _set(module, entry, _load(entry))


def _set(module, entry, new):
    old = getattr(module, entry.name, None)
    if getattr(new, "broken", False) and old is not None:
        return  # the stock class still works: keep it
    if old is not None and old is not new and not (isinstance(new, type) and issubclass(new, old)):
        from robovlms_mobile.broken_entries import warn_of_replacing

        warn_of_replacing(f"{module.__name__}.{entry.name}", old, entry, _package(entry))
    setattr(module, entry.name, new)


def _load(entry):
    try:
        return entry.load()
    except Exception as error:  # any package's import may fail in any way; the rest must go on
        from robovlms_mobile.broken_entries import stand_in

        return stand_in(entry, _package(entry), error)


def _half_imported(name):
    spec = getattr(sys.modules.get(name), "__spec__", None)
    return getattr(spec, "_initializing", False)  # importlib's own mark


def _ours_first(group):
    return sorted(entry_points(group=group), key=lambda entry: (_package(entry) != OURS, entry.name, entry.value))


def _package(entry):
    return entry.dist.name if entry.dist else "(unknown)"
