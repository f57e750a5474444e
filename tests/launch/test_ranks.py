"""A run that asks for more processes than there are is refused, with the command that starts them."""

import pytest
from support.runs import TRAIN

from robovlms_mobile.errors import ConfigError
from robovlms_mobile.launch.ranks import check_processes

TORCHRUN = {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}


@pytest.fixture
def refused():
    """`refused(flags, environ, **config)` → the error's text, "" where the run may start."""

    def check(flags=(), environ=None, **config):
        try:
            check_processes("-m robovlms_mobile train c.json", {"mobile": {}, **config}, flags, environ or {})
        except ConfigError as error:
            return str(error)
        return ""

    return check


@pytest.mark.parametrize(("flags", "config"), [(["--gpus", "2"], {}), ([], {"gpus": 2}), (["--gpus=2"], {"gpus": 1})])
def test_two_devices_and_one_process_get_the_torchrun_line(refused, flags, config):
    line = "torchrun --standalone --nproc_per_node 2 -m robovlms_mobile train c.json --gpus 2"
    assert refused(flags, **config).endswith(f"Run: {line}")
    assert refused(flags, {"RANK": "0", "WORLD_SIZE": "1"}, **config).endswith(line)


def test_two_nodes_get_a_line_for_every_node_with_the_other_flags(refused):
    text = refused(["--max_epochs", "3"], num_nodes=2)
    assert (
        "torchrun --nnodes 2 --rdzv_backend c10d --rdzv_endpoint HOST:29500 --nproc_per_node 1 -m robovlms_mobile "
        "train c.json --max_epochs 3 --gpus 1 --num_nodes 2 on every node"
    ) in text


def test_tasks_of_slurm_without_a_rank_would_not_know_each_other(refused):
    text = refused(environ={"SLURM_NTASKS": "2"})
    assert "SLURM_NTASKS is 2" in text and "torchrun --standalone --nproc_per_node 2" in text
    assert "--nnodes 2" in refused(environ={"SLURM_NTASKS": "2", "SLURM_NNODES": "2"})
    assert refused(environ={"SLURM_NTASKS": "1"}) == ""
    assert refused(["--gpus", "2"], {"SLURM_NTASKS": "2", **TORCHRUN}) == ""


def test_processes_that_the_flags_do_not_count_are_refused(refused):
    assert refused(["--gpus", "2"], TORCHRUN) == ""
    assert refused(["--num_nodes", "2"], {**TORCHRUN, "LOCAL_WORLD_SIZE": "1"}) == ""
    text = refused([], TORCHRUN, gpus=2)  # main.py's flags overwrite the file
    assert "2 processes" in text and text.endswith("train c.json --gpus 2")


def test_a_flag_wins_over_the_file_and_a_run_of_others_is_left_alone(refused):
    assert refused(["--gpus", "1"], gpus=4) == ""
    assert refused(["--gpus", "many"]) == ""  # main.py's own usage error
    check_processes("main.py", {"gpus": 8, "train_dataset": {"type": "DiskCalvinDataset"}}, [], {})


def test_the_command_line_refuses_before_anything_is_made(upstream_root, make_config, run_afresh, tmp_path):
    for flags, environ in ((["--gpus", "2"], {}), ([], {"SLURM_NTASKS": "2"})):
        done = run_afresh([*TRAIN, upstream_root, make_config(), *flags], cwd=tmp_path, env=environ)
        assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
        assert "torchrun --standalone --nproc_per_node 2 -m robovlms_mobile train --root" in done.stderr
    assert not (tmp_path / "runs").exists()
