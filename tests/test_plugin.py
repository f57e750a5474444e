"""The plugin does its part in upstream's runs and is inert everywhere else."""

from importlib.metadata import entry_points

import pytest


def test_every_group_that_calls_the_plugin_is_declared():
    for group in ("lightning.pytorch.callbacks_factory", "pytorch_lightning.callbacks_factory", "robovlms.plugins"):
        assert [entry for entry in entry_points(group=group) if entry.name == "robovlms-mobile"]


def test_importing_the_package_loads_nothing_heavy(run_afresh, tmp_path):
    code = (
        "import sys, robovlms_mobile, robovlms_mobile.cli as cli; cli.build_parser();"
        "print([name for name in ('torch', 'transformers', 'lightning', 'h5py', 'numpy') if name in sys.modules])"
    )
    assert run_afresh(["-c", code], cwd=tmp_path).stdout.strip() == "[]"


@pytest.mark.parametrize("package", ["lightning.pytorch", "pytorch_lightning"])
def test_another_lightning_project_gets_no_callback_and_no_upstream(run_afresh, tmp_path, package):
    code = (
        f"import builtins, os, sys; from {package} import Trainer; before = builtins.__import__, os.system;"
        "trainer = Trainer(logger=False, enable_checkpointing=False, accelerator='cpu');"
        "ours = [c for c in trainer.callbacks if type(c).__module__.startswith('robovlms_mobile')];"
        "print(ours, 'robovlms' in sys.modules, before == (builtins.__import__, os.system), 'RANK' in os.environ)"
    )
    assert run_afresh(["-c", code], cwd=tmp_path).stdout.strip() == "[] False True False"


def test_a_run_of_upstreams_that_is_not_ours_is_left_alone():
    from types import SimpleNamespace

    from robovlms_mobile.training.run import MobileRun

    trainer = SimpleNamespace(callbacks=[MobileRun()])
    calvin = {"train_setup": {"lora_enable": False}, "train_dataset": {"type": "DiskCalvinDataset"}}
    for callback in trainer.callbacks[:]:
        callback.setup(trainer, SimpleNamespace(configs=calvin), "fit")
    assert len(trainer.callbacks) == 1


REGISTER = (
    "import robovlms_mobile, sys; {before}; robovlms_mobile.register(); {after};"
    "import robovlms.data, robovlms.model.backbone, robovlms.model.policy_head;"
    "robovlms_mobile.register();"
    "print(robovlms.data.MobileVLAH5Dataset.__module__, robovlms.model.backbone.RoboKosMos.__module__,"
    " robovlms.model.policy_head.MobileLSTMDecoder.__module__)"
)


@pytest.mark.parametrize("order", ["before", "after", "halfway"])
@pytest.mark.heavy
def test_register_works_before_and_after_upstream_is_imported(upstream_root, run_afresh, tmp_path, order):
    parts = {"before": "pass", "after": "pass"}
    if order == "after":
        parts["before"] = "from robovlms_mobile.launch.placeholders import install; install(); import robovlms.data"
    if order == "halfway":
        parts["after"] = "import robovlms_mobile.model.heads, robovlms_mobile.model.backbones"
    done = run_afresh(["-c", REGISTER.format(**parts)], cwd=tmp_path, env={"PYTHONPATH": upstream_root})
    modules = ("data.dataset", "model.backbones", "model.heads")
    assert done.stdout.split() == [f"robovlms_mobile.{name}" for name in modules], done.stderr


def test_a_patched_checkout_needs_main_py_alone(patched_run):
    assert patched_run.done.returncode == 0, patched_run.done.stderr[-3000:]
    assert list((patched_run.folder / "runs").rglob("adapter_model.safetensors"))
