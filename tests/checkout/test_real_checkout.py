"""The package's own patches on a copy of the real checkout, where there is one."""

import pytest
from support.fake_checkout import blob_id, git, is_clean, make_checkout, snapshot

from robovlms_mobile.checkout.patching import contents, patch, unpatch
from robovlms_mobile.checkout.series import Series
from robovlms_mobile.checkout.working_copy import checkout_status

SERIES = Series.load()


@pytest.fixture
def copy(real_root, tmp_path):
    """A clone of the real checkout, at the commit it is at."""
    git(tmp_path, "clone", "--quiet", str(real_root), "RoboVLMs")
    return tmp_path / "RoboVLMs"


def test_patch_and_unpatch_leave_the_real_tree_byte_identical(copy):
    before, status = snapshot(copy), checkout_status(copy)
    assert status.state == ("pristine" if status.commit == SERIES.commit else "other commit")
    assert patch(copy).patched
    changed = {name for name, content in snapshot(copy).items() if before.get(name) != content}
    assert changed == {patch.file for patch in status.patches if patch.state == "missing"}
    assert "already applied" in patch(copy).message
    assert unpatch(copy).state == status.state
    assert snapshot(copy) == before
    assert is_clean(copy)


def test_the_patched_files_do_what_the_patches_say(copy):
    patch(copy)
    loader = (copy / SERIES.patches[0].file).read_text()
    compile(loader, "robovlms/__init__.py", "exec")
    assert 'group="robovlms.plugins"' in loader
    reader = (copy / SERIES.patches[1].file).read_text()
    assert "turtle" not in reader
    assert "\nimport pandas as pd\n" in reader


def test_the_first_patch_loads_every_plugin_of_the_group(tmp_path):
    """The patched `robovlms/__init__.py` needs nothing of upstream, so this runs on any machine."""
    before, loader = contents(make_checkout(tmp_path / "RoboVLMs"), SERIES.patches[0])
    assert (before, blob_id(loader)) == (b"", SERIES.patches[0].after)
    calls = []
    entry = type("Entry", (), {"load": lambda self: lambda: calls.append("loaded")})
    source = loader.decode().replace("from importlib.metadata import entry_points as _entry_points", "")
    exec(source, {"_entry_points": lambda group: [entry(), entry()] if group == "robovlms.plugins" else []})
    assert calls == ["loaded", "loaded"]
