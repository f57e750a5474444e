"""Entry points become attributes of upstream's modules; a broken one is named and takes nothing down."""

import sys
import types
import warnings
from importlib.metadata import entry_points

import pytest

from robovlms_mobile import registry
from robovlms_mobile.errors import RegistrationError


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(registry, "_done", set())


@pytest.fixture
def module():
    return types.ModuleType("robovlms.data")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Put a package with the given entry points and source on the path, as pip would."""

    def make(name, entries, source):
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[robovlms.data]\n" + "\n".join(entries) + "\n")
        (tmp_path / f"{name}.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, name, raising=False)

    return make


def test_every_group_the_plugin_fills_is_declared():
    for group in registry.GROUPS:
        assert {entry.dist.name for entry in entry_points(group=group)} >= {registry.OURS}


def test_the_plugins_dataset_is_set(module):
    registry.register_group(module)
    assert module.MobileVLAH5Dataset.__module__ == "robovlms_mobile.data.dataset"


def test_registering_twice_does_nothing(module):
    registry.register_group(module)
    module.MobileVLAH5Dataset = "changed by the user"
    registry.register_group(module)
    assert module.MobileVLAH5Dataset == "changed by the user"


def test_anybody_elses_class_comes_in_the_same_way(module, package):
    package("theirs", ["TheirDataset = theirs:TheirDataset"], "class TheirDataset: pass\n")
    registry.register_group(module)
    assert module.TheirDataset.__module__ == "theirs"


def test_replacing_a_foreign_class_warns_once_and_names_both(module):
    module.MobileVLAH5Dataset = type("MobileVLAH5Dataset", (), {"__module__": "robovlms.data.mobile_vla_h5_dataset"})
    with pytest.warns(UserWarning) as warned:
        registry.register_group(module)
        registry.register_group(module)
    assert len(warned) == 1
    text = str(warned[0].message)
    assert "robovlms_mobile.data.dataset" in text and "robovlms.data.mobile_vla_h5_dataset" in text


def test_improving_a_class_in_place_is_silent(module, package):
    module.Stock = type("Stock", (), {})
    sys.modules["upstream_stock"] = types.SimpleNamespace(Stock=module.Stock)
    package("better", ["Stock = better:Stock"], "import upstream_stock\nclass Stock(upstream_stock.Stock): pass\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        registry.register_group(module)
    assert module.Stock.__module__ == "better"


def test_a_broken_entry_point_is_named_and_the_others_are_set(module, package):
    package(
        "broken",
        ["Broken = broken:Broken", "Missing = broken:NotThere"],
        "raise RuntimeError('no such camera')\n",
    )
    with pytest.warns(UserWarning, match="no such camera") as warned:
        registry.register_group(module)
    assert [name for name in ("'Broken'", "'Missing'") if name in str([w.message for w in warned])] == [
        "'Broken'",
        "'Missing'",
    ]
    assert module.MobileVLAH5Dataset
    with pytest.raises(RegistrationError, match="no such camera"):
        module.Broken(data_dir="x")


def test_a_broken_entry_point_leaves_a_stock_class_in_place(module, package):
    module.DummyDataset = stock = type("DummyDataset", (), {})
    package("broken", ["DummyDataset = broken:DummyDataset"], "raise RuntimeError('no such camera')\n")
    with pytest.warns(UserWarning, match="DummyDataset"):
        registry.register_group(module)
    assert module.DummyDataset is stock


def test_a_module_without_entry_points_registers_nothing():
    module = types.ModuleType("robovlms.data.samplers")
    before = vars(module).copy()
    registry.register_group(module)
    assert vars(module) == before
