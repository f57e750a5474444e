"""Stopped at any write, by an exception or by a kill: status tells, and patch or unpatch finishes."""

import contextlib
import os
import shutil
import subprocess
import sys

import pytest
from support.fake_checkout import is_clean, snapshot

from robovlms_mobile.checkout.patching import patch, unpatch
from robovlms_mobile.checkout.working_copy import checkout_status

WRITES = ["fsync", "replace"]  # the steps of writing one file, in their order
KILLED = """
import os, sys
from robovlms_mobile.checkout import patching
from robovlms_mobile.checkout.series import Series
root, folder, action, step, count = sys.argv[1:]
real, left = getattr(os, step), [int(count)]
def stop(*args, **kwargs):
    left[0] -= 1
    if left[0] < 0:
        os._exit(9)
    return real(*args, **kwargs)
setattr(os, step, stop)
getattr(patching, action)(root, series=Series.load(folder))
"""


class Stopped(Exception):
    pass


def stop_at(monkeypatch, step, count):
    """Let the call number `count` of os.`step` raise, and all before it work."""
    real, left = getattr(os, step), [count]

    def stop(*args, **kwargs):
        left[0] -= 1
        if left[0] < 0:
            raise Stopped
        return real(*args, **kwargs)

    monkeypatch.setattr(os, step, stop)


def finishes(checkout, series, pristine, patched):
    """Assert that from the state that is there both actions reach their end, byte for byte."""
    copy = checkout.with_name("copy")
    shutil.copytree(checkout, copy)
    assert patch(copy, series=series).state == "patched"
    assert snapshot(copy) == patched
    unpatch(checkout, series=series)
    assert snapshot(checkout) == pristine
    assert is_clean(checkout)


def both_ends(checkout, series):
    pristine = snapshot(checkout)
    patch(checkout, series=series)
    patched = snapshot(checkout)
    unpatch(checkout, series=series)
    return pristine, patched


@pytest.mark.parametrize("count", range(3))
@pytest.mark.parametrize("step", WRITES)
@pytest.mark.parametrize("action", ["patch", "unpatch"])
def test_an_exception_at_any_write_is_told_and_finished(checkout, series, monkeypatch, action, step, count):
    pristine, patched = both_ends(checkout, series)
    if action == "unpatch":
        patch(checkout, series=series)
    with monkeypatch.context() as patches:
        stop_at(patches, step, count)
        with contextlib.suppress(Stopped):
            {"patch": patch, "unpatch": unpatch}[action](checkout, series=series)
    now = snapshot(checkout)
    expected = "pristine" if now == pristine else "patched" if now == patched else "partly patched"
    assert checkout_status(checkout, series=series).state == expected
    finishes(checkout, series, pristine, patched)


@pytest.mark.parametrize(("step", "count"), [("replace", 0), ("replace", 1), ("fsync", 2)])
@pytest.mark.parametrize("action", ["patch", "unpatch"])
def test_a_kill_at_a_write_is_told_and_finished(checkout, folder, series, action, step, count):
    pristine, patched = both_ends(checkout, series)
    if action == "unpatch":
        patch(checkout, series=series)
    command = [sys.executable, "-c", KILLED, str(checkout), str(folder), action, step, str(count)]
    assert subprocess.run(command, check=False).returncode == 9
    assert snapshot(checkout) not in (pristine, patched)
    status = checkout_status(checkout, series=series)
    assert status.state == "partly patched"
    assert "patch finishes it, unpatch takes it back" in status.message
    finishes(checkout, series, pristine, patched)
