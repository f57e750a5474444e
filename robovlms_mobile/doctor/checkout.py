"""Checks of the RoboVLMs checkout and of what is registered into it."""

from collections.abc import Iterator
from importlib.metadata import entry_points

from robovlms_mobile.doctor.subject import Subject
from robovlms_mobile.findings import Finding

LEVELS = {"pristine": "ok", "patched": "ok", "absent": "error", "partly patched": "error"}  # any other state: warn
OURS = "robovlms_mobile."
GROUPS = (
    "robovlms.data",
    "robovlms.model.backbone",
    "robovlms.model.policy_head",
    "robovlms.plugins",
    "lightning.pytorch.callbacks_factory",
    "pytorch_lightning.callbacks_factory",
)


def checkout(subject: Subject) -> Iterator[Finding]:
    """Yield the checkout's state, with its next command where it needs one."""
    from robovlms_mobile.checkout.working_copy import checkout_status

    status = checkout_status(subject.root)
    level = LEVELS.get(status.state, "warn")
    yield Finding(level, f"{status.state}: {status.message}", str(status.root), "" if level == "ok" else status.next)


def plugin(subject: Subject) -> Iterator[Finding]:
    """Yield whether the plugin is registered in all groups, and every other package's entry that does not load."""
    missing, others = [], 0
    for group in GROUPS:
        entries = set(entry_points(group=group))
        if not any(entry.value.startswith(OURS) for entry in entries):
            missing.append(group)
        for entry in sorted(entries, key=lambda each: each.name):
            if not entry.value.startswith(OURS):
                others += 1
                yield from _load(entry)
    if missing:
        fix = "pip install -e . again in robovlms-mobile's folder: its metadata is stale"
        yield Finding("error", f"no entry of robovlms-mobile in {', '.join(missing)}", "plugin", fix)
    else:
        also = f", beside {others} of other packages" if others else ""
        yield Finding("ok", f"registered in all {len(GROUPS)} groups{also}", "plugin")


def _load(entry):
    try:
        entry.load()
    except Exception as error:  # another package's code: anything may come
        package = entry.dist.name if entry.dist else "an unknown package"
        what = f"'{entry.name}' of {package} does not load: {type(error).__name__}: {error}"
        fix = f"pip install --upgrade {package}, or pip uninstall {package}; robovlms-mobile itself is fine"
        yield Finding("error", what, entry.group, fix)
