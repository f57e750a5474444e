"""What upstream needs before its first line runs."""

import sys
from types import SimpleNamespace

import pytest

from robovlms_mobile.launch import process as launch

FULL = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "MASTER_ADDR": "a", "MASTER_PORT": "1"}


def test_one_process_gets_a_whole_rendezvous_with_a_free_port_for_as_long_as_it_runs():
    environ = {"HOME": "here"}
    with launch.single_process(environ):
        assert set(environ) == {*launch.RENDEZVOUS, "HOME"}
        assert (environ["RANK"], environ["WORLD_SIZE"]) == ("0", "1")
        assert int(environ["MASTER_PORT"]) > 1023
    assert environ == {"HOME": "here"}


def test_two_runs_get_different_ports():
    one, two = {}, {}
    with launch.single_process(one), launch.single_process(two):
        assert one["MASTER_PORT"] != two["MASTER_PORT"]


@pytest.mark.parametrize("given", [FULL, {"RANK": "0"}, {"MASTER_PORT": "29500"}])
def test_torchruns_environment_is_left_alone(given):
    environ = dict(given)
    with launch.single_process(environ):
        assert environ == given
    assert environ == given


@pytest.fixture
def trainer_class():
    """An upstream trainer in small, as the hook gets it."""
    import torch

    class BaseTrainer:
        device = torch.device("cpu")

        def _process_batch(self, batch):
            return batch["rgb"].cuda(), [each.cuda() for each in batch["more"]]

    return BaseTrainer


def test_a_batch_stays_with_a_model_on_the_cpu(trainer_class):
    import torch

    from robovlms_mobile.launch import cpu

    cpu._batches_follow_the_model(SimpleNamespace(BaseTrainer=trainer_class))
    rgb, more = trainer_class()._process_batch({"rgb": torch.ones(2), "more": [torch.zeros(1)]})
    assert rgb.device.type == more[0].device.type == "cpu"
    if not torch.cuda.is_available():
        with pytest.raises((AssertionError, RuntimeError)):  # torch's own answer, and it stays so outside
            torch.ones(2).cuda()


def test_a_model_that_main_py_calls_kosmos_is_kosmos2_before_upstream_looks(monkeypatch, capsys):
    configs = {"model": "kosmos", "tokenizer": {"type": "AutoProcessor"}}
    monkeypatch.setitem(sys.modules, "__main__", SimpleNamespace(configs=configs))
    launch.keep_site_packages()
    assert configs == {"model": "kosmos2", "tokenizer": {"type": "AutoProcessor", "tokenizer_type": "kosmos"}}
    assert "overwrites a file of transformers" in capsys.readouterr().out


@pytest.mark.parametrize("main", [SimpleNamespace(), SimpleNamespace(configs={"model": "kosmos2"})])
def test_any_other_main_is_left_alone(monkeypatch, capsys, main):
    monkeypatch.setitem(sys.modules, "__main__", main)
    launch.keep_site_packages()
    assert capsys.readouterr().out == ""
