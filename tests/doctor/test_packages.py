"""Packages that a run needs, and the plugin among them."""

import hashlib
from base64 import urlsafe_b64encode
from importlib.metadata import Distribution

import pytest
from support.doctor import look, only

from robovlms_mobile.doctor import checkout, packages


class TestPackages:
    @pytest.fixture
    def installed(self, monkeypatch):
        """Function: pretend that the package requires and has these versions."""

        def pretend(requirements, versions):
            monkeypatch.setattr(packages.metadata, "requires", lambda name: requirements)
            monkeypatch.setattr(packages, "_version", versions.get)
            return look(packages.versions)

        return pretend

    def test_missing_old_and_too_new_ones_are_told_apart(self, installed):
        needed = ["torch>=2.3", "peft>=0.13", "h5py>=3.8", "transformers>=4.37", 'ruff; extra == "test"']
        seen = installed(needed, {"torch": "2.2.0+cu121", "peft": "0.99.1", "transformers": "4.37.2"})
        by_name = {where: (level, text) for level, where, text in seen}
        assert by_name["torch"][0] == "error" and "too old" in by_name["torch"][1]
        assert by_name["h5py"][0] == "error" and 'pip install "h5py>=3.8"' in by_name["h5py"][1]
        assert by_name["peft"][0] == "warn" and "newer than tested" in by_name["peft"][1]
        assert by_name["packages"] == ("ok", "transformers 4.37.2 | ")
        assert "ruff" not in by_name

    def test_what_is_installed_here_is_fine(self):
        assert only(look(packages.versions), "error") == []

    def test_a_torchvision_that_cannot_be_imported_is_an_error(self, monkeypatch, tmp_path):
        monkeypatch.setattr(packages, "_version", {"torchvision": "9.9"}.get)
        (tmp_path / "torchvision.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        ((level, _, text),) = look(packages.torchvision)
        assert level == "error" and "nms does not exist" in text and "pip uninstall torchvision" in text

    def test_no_torchvision_is_no_finding(self, monkeypatch):
        monkeypatch.setattr(packages, "_version", {}.get)
        assert look(packages.torchvision) == []

    def test_an_overwritten_kosmos_is_found_by_the_wheels_own_checksum(self, tmp_path, monkeypatch):
        distribution = transformers_wheel(tmp_path, "print('shipped')\n")
        assert [each.level for each in packages.kosmos_findings(distribution)] == ["ok"]
        (tmp_path / f"{packages.KOSMOS.replace('.', '/')}.py").write_text("print('copied')\n")
        monkeypatch.setattr(packages, "import_problem", lambda module: None)
        (finding,) = packages.kosmos_findings(distribution)
        assert finding.level == "warn" and "transformers==4.37.2" in finding.fix
        monkeypatch.setattr(packages, "import_problem", lambda module: "ImportError: no such name")
        (finding,) = packages.kosmos_findings(distribution)
        assert finding.level == "error" and "no such name" in finding.what

    def test_the_installed_kosmos_is_as_shipped(self):
        assert [level for level, _, _ in look(packages.kosmos)] == ["ok"]


def transformers_wheel(folder, source):
    """Install a transformers of one file into `folder`, as pip does; return its Distribution."""
    name = f"{packages.KOSMOS.replace('.', '/')}.py"
    path, info = folder / name, folder / "transformers-4.37.2.dist-info"
    path.parent.mkdir(parents=True)
    path.write_text(source)
    checksum = urlsafe_b64encode(hashlib.sha256(source.encode()).digest()).rstrip(b"=").decode()
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: transformers\nVersion: 4.37.2\n")
    (info / "RECORD").write_text(f"{name},sha256={checksum},{len(source)}\n")
    return Distribution.at(info)


class TestPlugin:
    def test_it_is_registered_in_every_group(self):
        ((level, _, text),) = [each for each in look(checkout.plugin) if each[1] == "plugin"]
        assert level == "ok" and "all 6 groups" in text

    def test_another_packages_entry_that_does_not_load_is_named(self, tmp_path, monkeypatch):
        info = tmp_path / "other-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[robovlms.data]\nMine = no_such_module:Mine\nFine = json:JSONDecoder\n")
        monkeypatch.syspath_prepend(tmp_path)
        (broken,) = only(look(checkout.plugin), "error")
        assert "'Mine' of other does not load" in broken and "pip uninstall other" in broken
        assert any("beside 2 of other packages" in text for text in only(look(checkout.plugin), "ok"))

    def test_stale_metadata_is_an_error_that_names_the_groups(self, monkeypatch):
        real = checkout.entry_points
        monkeypatch.setattr(
            checkout, "entry_points", lambda group: () if group == "robovlms.plugins" else real(group=group)
        )
        (missing,) = only(look(checkout.plugin), "error")
        assert "robovlms.plugins" in missing and "pip install -e ." in missing
