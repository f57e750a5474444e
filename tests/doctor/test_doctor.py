"""The doctor: every fault is a finding with a fix, and nothing it meets stops the other checks."""

import hashlib
import io
import json
import sys
from base64 import urlsafe_b64encode
from importlib.metadata import Distribution

import h5py
import numpy as np
import pytest

from robovlms_mobile.cli import main
from robovlms_mobile.config.load import load_config
from robovlms_mobile.doctor import checkout, checks, configuration, machine, model, output, packages, reach, recorded
from robovlms_mobile.doctor.checks import Subject, run_check
from robovlms_mobile.errors import CheckoutError, DataError
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


@pytest.fixture
def vlm(tmp_path):
    """Folder with the files of a base model, tiny and whole, but no model anyone could load."""
    folder = tmp_path / "vlm"
    folder.mkdir()
    (folder / "config.json").write_text('{"text_config": {"embed_dim": 64, "layers": 2, "ffn_dim": 128}}')
    header = json.dumps({"weight": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(16))
    for name in ("tokenizer.json", "preprocessor_config.json"):
        (folder / name).write_text("{}")
    return folder


@pytest.fixture
def recordings(tmp_path):
    """Folder of ten small recorded episodes, 18 frames each."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    for i in range(10):
        record(folder / f"episode_20251114_{i + 8:02d}0000_1box_hori_left.h5", seed=i)
    return folder


def record(path, length=18, actions=None, seed=0):
    """Write an episode of `length` 8 × 6 frames."""
    with h5py.File(path, "w") as file:
        file["images"] = np.random.default_rng(seed).integers(0, 256, (length, 6, 8, 3), np.uint8)
        file["actions"] = np.full((length, 3), [1.15, 0, 0], np.float32) if actions is None else actions


@pytest.fixture
def subject(make_config, vlm, recordings):
    """Factory: the Subject of a faultless config with the keywords merged in."""
    blocks = {
        "tokenizer": {"pretrained_model_name_or_path": str(vlm)},
        "vlm": {"pretrained_model_name_or_path": str(vlm)},
        "train_dataset": {"data_dir": str(recordings), "windows": "padded"},
        "val_dataset": {"data_dir": str(recordings), "windows": "padded"},
    }

    def make(**overrides):
        merged = {name: {**value, **overrides.pop(name, {})} for name, value in blocks.items()}
        path = make_config(**{"model_path": str(vlm), **merged, **overrides})
        return Subject(config=load_config(path), config_path=str(path))

    return make


def look(check, subject=None):
    """Return a check's findings as [(level, where, what and fix)]."""
    return [
        (each.level, each.where, f"{each.what} | {each.fix}") for each in run_check("it", check, subject or Subject())
    ]


def only(findings, *levels):
    """Return the texts of the findings of some levels."""
    return [text for level, _, text in findings if level in levels]


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
    def test_it_works_without_torch_or_anything_else(self, names, subject, run_python, tmp_path):
        code = BLOCKED.format(names=names, arguments=["doctor", subject().config_path, "--json"])
        done = run_python(["-c", code], tmp_path)
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


class TestConfig:
    def test_a_faultless_config_is_said_to_be_one(self, subject):
        assert [level for level, _, _ in look(configuration.content, subject())] == ["ok"]

    def test_every_lint_finding_is_passed_on(self, subject):
        seen = look(configuration.content, subject(num_workers=0, optimizer="sgd", train_dataset={"windws": "full"}))
        assert [where for _, where, _ in seen] == ["num_workers", "optimizer", "train_dataset.windws"]

    def test_a_logger_or_strategy_whose_package_is_missing_is_an_error(self, subject, monkeypatch):
        given = subject(trainer={"logger": ["tensorboard"], "strategy": "deepspeed"})
        monkeypatch.setattr(configuration, "find_spec", lambda name: None)
        assert [where for _, where, _ in look(configuration.needed_packages, given)] == [
            "trainer.logger",
            "trainer.strategy",
        ]
        monkeypatch.setattr(configuration, "find_spec", lambda name: name)
        assert look(configuration.needed_packages, given) == []


class TestData:
    def test_episodes_frames_and_windows_of_either_split_are_counted(self, subject):
        seen = look(recorded.episodes, subject())
        assert {level for level, _, _ in seen} == {"ok"}
        text = "\n".join(only(seen, "ok"))
        assert "10 episodes match episode_*.h5, 180 frames" in text
        assert "4 frames 8×6 read in" in text and "on the left to the cup" in text
        assert "144 windows from 8 episodes" in text and "36 windows from 2 episodes" in text

    def test_the_counts_are_those_of_the_dataset(self, subject):
        from robovlms_mobile.data.dataset import MobileVLAH5Dataset

        given = subject().config
        keys = ("window_size", "fwd_pred_next_n", "image_size", "norm_action", "norm_min", "norm_max")
        above = {key: given[key] for key in keys}
        lengths = [
            len(MobileVLAH5Dataset(**given[name], **above, is_training=training))
            for name, training in (("train_dataset", True), ("val_dataset", False))
        ]
        assert lengths == [144, 36]

    def test_no_file_is_one_error_that_says_what_is_there(self, subject):
        pattern = {"episode_pattern": "episode_20261114_*.h5"}
        (text,) = only(look(recorded.episodes, subject(train_dataset=pattern, val_dataset=pattern)), "error", "warn")
        assert "holds 10 .h5 files" in text and "episode_20251114" in text
        assert text.endswith(" | Set episode_pattern accordingly.")

    def test_an_absent_folder_is_an_error(self, subject):
        absent = {"data_dir": "absent"}
        seen = look(recorded.episodes, subject(train_dataset=absent, val_dataset=absent))
        assert len(seen) == 1 and "not a folder" in seen[0][2]
        assert seen[0][2].endswith(") | Set data_dir in the dataset block.")

    def test_bad_files_are_all_named_and_stop_or_are_left_out_as_the_config_says(self, subject, recordings):
        names = sorted(path.name for path in recordings.iterdir())
        (recordings / names[0]).write_bytes(b"cut")
        record(recordings / names[9], actions=np.full((18, 3), np.nan, np.float32))
        errors = only(look(recorded.episodes, subject()), "error")
        assert len(errors) == 2 and names[0] in errors[0] and names[9] in errors[1] and "stops the run" in errors[0]
        skip = {"on_bad_episode": "skip"}
        seen = look(recorded.episodes, subject(train_dataset=skip, val_dataset=skip))
        assert only(seen, "error") == [] and len(only(seen, "warn")) == 2
        assert any("108 windows from 6 episodes" in text for text in only(seen, "ok"))

    def test_fewer_windows_than_a_batch_lose_validation_or_the_run(self, subject):
        seen = look(recorded.episodes, subject(batch_size=37))
        assert only(seen, "error") == [] and "no val_loss" in only(seen, "warn")[0]
        assert "nothing is trained" in only(look(recorded.episodes, subject(batch_size=145)), "error")[0]

    def test_episodes_too_short_for_a_window_are_named(self, subject, recordings):
        full = {"train_dataset": {"windows": "full"}, "val_dataset": {"windows": "full"}}
        first = min(recordings.iterdir())
        record(first, length=9)
        (text,) = [each for each in only(look(recorded.episodes, subject(**full)), "warn") if "too short" in each]
        assert first.name in text and "padded" in text
        for path in recordings.iterdir():
            record(path, length=9)
        assert len(only(look(recorded.episodes, subject(**full)), "error")) == 2

    def test_what_full_windows_hide_is_said_in_numbers(self, subject):
        full = {"train_dataset": {"windows": "full"}, "val_dataset": {"windows": "full"}}
        said = only(look(recorded.episodes, subject(**full)), "warn")
        assert len(said) == 2 and all("frames 8-17 of 18 are never seen (56% of all frames)" in each for each in said)

    def test_clipped_actions_are_a_warning_with_the_values_to_set(self, subject):
        (text,) = only(look(recorded.episodes, subject(norm_min=-1, norm_max=1)), "warn")
        assert "±1.15" in text and '"norm_max": 1.15' in text

    def test_a_moving_dim_that_is_not_trained_is_a_warning(self, subject, recordings):
        record(min(recordings.iterdir()), actions=np.full((18, 3), [0, 0, 1.15], np.float32))
        (text,) = only(look(recorded.episodes, subject()), "warn")
        assert "angular_z" in text

    def test_episodes_on_both_sides_are_an_error(self, subject, recordings):
        first, second = sorted(path.name for path in recordings.iterdir())[:2]
        seen = look(recorded.episodes, subject(val_dataset={"episode_pattern": [first, second]}))
        (text,) = only(seen, "error")
        assert f"1 episodes are trained on and validated on: {second}" in text

    def test_an_instruction_that_lacks_the_scenario_is_an_error(self, subject):
        right = {"instruction": {"right": "Pass on the right."}}
        seen = look(recorded.episodes, subject(train_dataset=right, val_dataset=right))
        assert "instruction has nothing for" in only(seen, "error")[0]
        assert only(seen, "error")[0].endswith(' | Add the scenario, or a "default".')

    def test_a_block_it_cannot_judge_is_said_to_be_unchecked(self, subject):
        seen = look(recorded.episodes, subject(train_dataset={"type": "Other"}, val_dataset={"windws": "full"}))
        assert [level for level, _, _ in seen] == ["warn", "warn"] and '"Other"' in seen[0][2]
        assert only(look(recorded.episodes, subject(window_size="4")), "ok", "error") == []

    def test_a_pixel_stream_that_does_not_decode_is_an_error(self, subject, monkeypatch):
        from robovlms_mobile.data.hdf5 import frames

        def broken(*args):
            raise DataError("episode_0.h5: frames 0 to 3 cannot be decoded")

        monkeypatch.setattr(frames, "read_frames", broken)
        assert "cannot be decoded" in only(look(recorded.episodes, subject()), "error")[0]


class TestModel:
    def test_a_whole_folder_is_fine(self, subject):
        assert {level for level, _, _ in look(model.files, subject())} == {"ok"}

    def test_the_tiny_base_model_is_fine(self, make_config, recordings):
        block = {"data_dir": str(recordings)}
        given = Subject(config=load_config(make_config(train_dataset=block, val_dataset=block)))
        seen = look(model.files, given)
        assert {level for level, _, _ in seen} == {"ok"}, seen

    @pytest.mark.parametrize(
        ("name", "content", "hint"),
        [
            ("config.json", b"{", "does not parse"),
            ("config.json", None, "is missing"),
            ("model.safetensors", None, "no weights"),
            ("model.safetensors", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 6", "git lfs pull"),
            ("model.safetensors", b"", "cut short"),
            ("model.safetensors", (2).to_bytes(8, "little") + b"{}more", "cut short"),
            ("model.safetensors.index.json", b'{"weight_map": {"a": "model-2.safetensors"}}', "is missing"),
            ("tokenizer.json", None, "no tokenizer file"),
            ("preprocessor_config.json", None, "AutoProcessor needs"),
        ],
    )
    def test_a_missing_or_damaged_file_is_an_error(self, subject, vlm, name, content, hint):
        (vlm / name).unlink(missing_ok=True)
        if content is not None:
            (vlm / name).write_bytes(content)
        (text,) = only(look(model.files, subject()), "error")
        assert hint in text and "failed itself" not in text

    def test_an_absent_folder_is_left_to_the_lint(self, subject):
        absent = {"pretrained_model_name_or_path": "absent"}
        seen = look(model.files, subject(vlm=absent, tokenizer=absent))
        assert [level for level, _, _ in seen] == ["warn"]


class TestOutput:
    def test_folders_that_can_be_written_to_are_fine_and_none_is_made(self, subject, tmp_path):
        assert [level for level, _, _ in look(output.folders, subject())] == ["ok"] * 3
        assert not (tmp_path / "runs").exists()

    def test_a_file_in_the_way_is_an_error(self, subject, tmp_path):
        (tmp_path / "runs").write_text("in the way")
        assert len(only(look(output.folders, subject()), "error")) == 3

    def test_little_room_is_a_warning(self, subject, monkeypatch):
        class Usage:
            free = 5 * 10**8

        monkeypatch.setattr(output.shutil, "disk_usage", lambda path: Usage)
        ((level, _, text),) = look(output.room, subject())
        assert level == "warn" and "500.0 MB free" in text and "room for one more of each" in text
        Usage.free = 10**12
        assert look(output.room, subject())[0][0] == "ok"

    def test_adapters_and_head_are_estimated_and_a_full_finetuning_by_the_weights(self, subject):
        adapters = output.checkpoint_bytes(subject().config)
        more = output.checkpoint_bytes(subject(trainer={"max_epochs": 100}).config)
        everything = output.trainable_bytes(
            subject(train_setup={"lora_enable": False, "freeze_backbone": False}).config
        )
        assert adapters < more and everything >= 10**9
        best_few = output.checkpoint_bytes(subject(mobile={"checkpoints": {"keep": 3}}).config)
        assert best_few - adapters == 3 * output.trainable_bytes(subject().config)


class TestAudit:
    """The model is built in a process of its own: a few tests are enough."""

    @pytest.mark.heavy
    def test_a_model_that_looks_and_listens_is_fine_and_the_data_stay_as_they_are(
        self, make_config, upstream_root, recordings
    ):
        path = make_config(train_dataset={"data_dir": str(recordings), "instruction": {"left": "Pass on the left"}})
        before = sorted(recordings.rglob("*"))
        (finding,) = look(reach.reach, Subject(str(upstream_root), load_config(path), str(path)))
        assert finding[0] == "ok" and "8 image tokens and " in finding[2] and sorted(recordings.rglob("*")) == before

    def test_a_model_that_cannot_be_built_is_left_to_the_run(self, subject):
        (finding,) = look(reach.reach, subject())
        assert finding[0] == "warn" and "not audited: the model could not be built here" in finding[2]

    def test_an_audit_that_is_switched_off_is_said(self, subject):
        assert only(look(reach.reach, subject(mobile={"audit": "off"})), "warn")
