"""The doctor: every fault is a finding with a fix, and nothing it meets stops the other checks."""

import io
import json
import sys

import pytest
from support.doctor import look, only

from robovlms_mobile.cli import main
from robovlms_mobile.doctor import checkout, checks, machine
from robovlms_mobile.doctor.checks import Subject, run_check
from robovlms_mobile.errors import CheckoutError
from robovlms_mobile.findings import Finding

BLOCKED = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Block())
from robovlms_mobile.cli import main
sys.exit(main({arguments!r}))
"""


class TestReport:
    def test_json_holds_every_finding_and_the_status_follows_the_errors(self, subject, capsys):
        status, report = run_json([subject(num_workers=0).config_path], capsys)
        assert status == 1 and report["ok"] is False
        assert set(report) == {"ok", "findings"}
        assert all(set(each) == {"level", "what", "where", "fix"} for each in report["findings"])
        assert {each["level"] for each in report["findings"]} <= {"ok", "warn", "error"}
        assert [each["where"] for each in report["findings"] if "> 0" in each["what"]] == ["num_workers"]

    def test_a_machine_with_a_checkout_and_a_faultless_config_is_ready(
        self, subject, upstream_copy, capsys, monkeypatch
    ):
        found = (Finding("ok", "pristine", "RoboVLMs"),)
        if not (upstream_copy / "configs").is_dir():  # the stand-in is not the commit that a checkout should be at
            checked = (("RoboVLMs", (("checkout", lambda subject: found),)),)
            monkeypatch.setattr(checks, "MACHINE", checked)
        assert main(["doctor", subject().config_path, "--root", str(upstream_copy)]) == 0
        printed = capsys.readouterr().out
        assert "✓" in printed and "✗" not in printed and "\nready: 0 to fix" in printed

    def test_an_absent_checkout_is_an_error_with_the_next_command(self, tmp_path):
        ((level, _, text),) = look(checkout.checkout, Subject(root=str(tmp_path)))
        assert level == "error" and "robovlms-mobile upstream fetch" in text

    def test_each_error_and_warning_has_its_fix_below_it(self, subject, capsys, monkeypatch):
        monkeypatch.setattr(checks, "MACHINE", ())
        assert main(["doctor", subject(num_workers=0).config_path]) == 1
        lines = capsys.readouterr().out.splitlines()
        at = next(i for i, line in enumerate(lines) if "✗ num_workers: is 0" in line)
        assert lines[at + 1] == "      → set it to 1 or more"
        assert lines[-1].startswith("not ready: 1 to fix")

    def test_a_broken_config_is_a_finding_beside_those_of_the_machine(self, tmp_path, capsys, monkeypatch):
        monkeypatch.setattr(checks, "MACHINE", (("Machine", (("python", machine.python),)),))
        path = tmp_path / "broken.json"
        path.write_text('{"a": 1, // one\n}')
        status, report = run_json([str(path)], capsys)
        assert status == 1
        assert any("no comments" in each["what"] for each in report["findings"])
        assert any(each["what"].startswith("Python 3") for each in report["findings"])

    def test_an_ascii_terminal_gets_ascii_marks(self, tmp_path, monkeypatch):
        terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
        monkeypatch.setattr(sys, "stdout", terminal)
        monkeypatch.setattr(checks, "MACHINE", ())
        assert main(["doctor", str(tmp_path / "없다.json")]) == 1
        terminal.flush()
        assert b"  x config: " in terminal.buffer.getvalue()


def run_json(arguments, capsys):
    """Run the doctor and return (exit status, its JSON)."""
    status = main(["doctor", *arguments, "--json"])
    return status, json.loads(capsys.readouterr().out)


class TestBrokenMachines:
    @pytest.mark.parametrize("names", [("torch",), ("torch", "transformers", "h5py", "git", "packaging", "wrapt")])
    def test_it_works_without_torch_or_anything_else(self, names, subject, run_afresh, tmp_path):
        code = BLOCKED.format(names=names, arguments=["doctor", subject().config_path, "--json"])
        done = run_afresh(["-c", code], tmp_path)
        assert done.returncode == 1, done.stderr
        report = json.loads(done.stdout)
        assert "Traceback" not in done.stderr
        texts = [each["what"] for each in report["findings"]]
        for name in {"torch", "h5py", "packaging"} & set(names):
            assert any(f"{name} cannot be imported" in text for text in texts), (name, texts)
        assert any("weights" in text for text in texts)  # later checks ran
        assert not any("failed itself" in text for text in texts)

    def test_a_check_that_crashes_is_named_and_keeps_what_it_found(self):
        def crash(subject):
            yield Finding("ok", "first", "there")
            raise ZeroDivisionError("by zero")

        first, second = run_check("my check", crash, Subject())
        assert first.what == "first"
        assert second.level == "error" and second.where == "my check" and "ZeroDivisionError: by zero" in second.what

    def test_the_plugins_own_errors_become_findings(self):
        def fail(subject):
            raise CheckoutError("git is missing.", "Install git")
            yield

        (finding,) = run_check("checkout", fail, Subject())
        assert finding == Finding("error", "git is missing", "checkout", "Install git")

    def test_a_python_newer_than_tested_is_a_warning_and_an_older_one_an_error(self, monkeypatch):
        for version, level in (((3, 9, 1), "error"), ((3, 10, 0), "ok"), ((3, 12, 9), "ok"), ((3, 13, 0), "warn")):
            monkeypatch.setattr(sys, "version_info", version)
            assert look(machine.python)[0][0] == level

    def test_a_torch_whose_libraries_do_not_load_is_a_finding(self, monkeypatch):
        class Broken:
            def find_spec(self, name, path=None, target=None):
                if name == "torch":
                    raise OSError("libcudart.so.12: cannot open shared object file")

        monkeypatch.delitem(sys.modules, "torch", raising=False)
        monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
        assert "libcudart" in only(look(machine.gpu), "error")[0]
        assert machine.has_cuda() is None
