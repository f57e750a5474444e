"""A run shows what a user can act on; errors, and everything outside a run of ours, are shown as ever."""

import io
import logging
import warnings

import pytest

from robovlms_mobile.launch import noise

NOISE = [  # module, what it warns of
    ("lightning.pytorch.utilities._pytree", "`isinstance(treespec, LeafSpec)` is deprecated, use …"),
    ("torch.utils.data.dataloader", "'pin_memory' argument is set as true but no accelerator is found, then …"),
    (
        "lightning.pytorch.trainer.connectors.logger_connector.result",
        "It is recommended to use `self.log('val_loss', ..., sync_dist=True)` when logging on epoch level",
    ),
]


def warned(module, message):
    with warnings.catch_warnings(record=True) as seen:
        warnings.warn_explicit(message, UserWarning, "file.py", 1, module=module, registry={})
    return [str(each.message) for each in seen]


@pytest.mark.parametrize(("module", "message"), NOISE)
def test_known_noise_is_not_seen_in_a_run_and_is_seen_elsewhere(module, message):
    with noise.hidden():
        assert warned(module, message) == []
        assert warned("their.own.module", message) == [message]  # the same words from anyone else
        assert warned(module, "your GPU is on fire") == ["your GPU is on fire"]
    assert warned(module, message) == [message]


def test_a_warning_of_the_plugins_is_a_sentence():
    import lightning.pytorch  # noqa: F401  (which has a format of its own)

    stock = warnings.formatwarning
    with noise.hidden():
        ours = warnings.formatwarning("a thing you can mend", UserWarning, f"{noise.PACKAGE}/data/x.py", 62)
        others = warnings.formatwarning("another's", UserWarning, "/site-packages/x.py", 7)
    assert ours == "robovlms-mobile: a thing you can mend\n"
    assert others == stock("another's", UserWarning, "/site-packages/x.py", 7)
    assert warnings.formatwarning is stock


def test_lightnings_log_keeps_warnings_and_what_says_where_it_trains():
    import lightning.pytorch

    log = logging.getLogger(f"{lightning.pytorch.__name__}.of_this_test")
    seen = logging.StreamHandler(stream := io.StringIO())
    logging.getLogger("lightning.pytorch").addHandler(seen)
    try:
        with noise.hidden():
            log.info("TPU available: False, using: 0 TPU cores")
            log.info("GPU available: False, used: False")
            log.info("`Trainer.fit` stopped: `max_epochs=3` reached.")
            log.info("GPU available: True (cuda), used: False")
            log.warning("TPU available: False, and that is a warning")
        log.info("TPU available: False after the run")
    finally:
        logging.getLogger("lightning.pytorch").removeHandler(seen)
    lines = stream.getvalue().splitlines()
    assert [line.split(":")[0] for line in lines[:1]] == ["GPU available"]
    assert [line[-9:] for line in lines[1:]] == ["a warning", "r the run"]


@pytest.mark.parametrize(
    "dump",
    [
        {"a": 1},
        "=" * 40,
        "log_dir not in config. The value is None.",
        "Project config",
        "effective batch size: 0, effective learning rate: 0.001",
        "data_dir: somewhere",
    ],
)
def test_upstreams_dumps_are_hidden_in_a_run_alone(capsys, dump):
    noise.upstream_print(dump)
    with noise.hidden():
        noise.upstream_print(dump)
        noise.upstream_print("Path /nowhere is invalid")
    assert capsys.readouterr().out.splitlines() == [str(dump), "Path /nowhere is invalid"]


@pytest.mark.parametrize(
    ("config", "all_of_it"),
    [
        ({"mobile": {}}, False),
        ({"mobile": {"verbose": True}}, True),
        ({"mobile": {"verbose": False}}, False),
        ({"mobile": 3}, False),  # refused elsewhere
        ({"train_dataset": {"type": "DiskCalvinDataset"}}, True),  # not ours
        ({}, True),
    ],
)
def test_what_the_config_asks_for(config, all_of_it):
    assert noise.wanted(config) is all_of_it


@pytest.mark.heavy
def test_a_run_shows_no_noise(patched_run):
    shown = patched_run.done.stdout + patched_run.done.stderr
    for words in ("LeafSpec", "sync_dist", "pin_memory", "effective batch size", "FLOPs", "robovlm_name", "in config."):
        assert words not in shown
    for words in ("PU available: False", "Loading weights", "Trainer.fit"):
        assert words not in shown
    assert "best val_loss" in shown and "policy head" in shown
    assert len(shown.splitlines()) <= 30, shown
