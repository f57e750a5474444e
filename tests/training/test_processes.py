"""A run over several processes is the run over one: same losses, one writer, and nobody waits for one that fails."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.processes import run_python
from support.runs import TRAIN, losses, run_folder, write_package

pytestmark = pytest.mark.heavy
FULL = '''
import errno, os
from lightning.pytorch.callbacks import Callback

class Full(Callback):
    """Rank zero's disk is full for anything but what upstream writes, at the start of one epoch and from then on."""

    def on_train_epoch_start(self, trainer, pl_module):
        if str(trainer.current_epoch) == os.environ.get("FULL"):
            fill()

def fill():
    from robovlms_mobile import files
    def refuse(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")
    if os.environ["RANK"] == "0":
        files.flush = refuse

def callbacks():
    if os.environ.get("FULL") == "start":
        fill()
    return [Full()]
'''


@pytest.fixture(scope="module")
def full_disk(tmp_path_factory):
    """A folder for PYTHONPATH: a package with which rank zero can write nothing from the epoch that FULL names."""
    entry = "[lightning.pytorch.callbacks_factory]\nfulldisk = fulldisk:callbacks\n"
    return write_package(tmp_path_factory.mktemp("site"), "fulldisk", FULL, entry)


@pytest.fixture(scope="module")
def train(upstream_root, run_python, write_config, full_disk):
    """`train(folder, processes)` → the finished process of a run whose steps are over four windows."""

    def train(folder, processes, epochs=2, env=None, **overrides):
        trainer = {"strategy": "ddp", "max_epochs": epochs, "accumulate_grad_batches": 4 // processes}
        config = write_config(folder, trainer=trainer, learning_rate=1e-2, **overrides)
        launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", processes]
        command = [*launcher, *TRAIN, upstream_root, config, "--gpus", processes]
        return run_python(command, cwd=folder, env={"PYTHONPATH": str(full_disk), **(env or {})}, timeout=240)

    return train


@pytest.fixture(scope="module")
def single(train, tmp_path_factory):
    """The losses of a run over one process."""
    folder = tmp_path_factory.mktemp("single")
    done = train(folder, 1)
    assert done.returncode == 0, done.stderr[-3000:]
    return losses(folder)


@pytest.mark.parametrize("processes", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_losses_are_those_of_one_process(train, single, tmp_path, processes):
    """20 training windows; 10 validation windows, which four processes cannot share evenly."""
    done = train(tmp_path, processes)
    assert done.returncode == 0, done.stderr[-3000:]
    several = losses(tmp_path)
    assert [row["step"] for row in several] == [row["step"] for row in single] == ["5", "10"]
    for name in ("train_loss", "val_loss", "val_mae", "val_chunk_rmse_linear_x"):
        values = [[float(row[name]) for row in rows] for rows in (several, single)]
        assert values[0] == pytest.approx(values[1], rel=1e-5)
    assert float(single[0]["val_loss"]) != pytest.approx(float(single[1]["val_loss"]), rel=1e-3)
    assert len(list((tmp_path / "runs").rglob("adapter_model.safetensors"))) == 2  # best and last, of one writer
    assert json.loads((run_folder(tmp_path) / "run.json").read_text())["machine"]["processes"] == processes


@pytest.mark.slow
def test_with_an_episode_a_batch_losses_are_those_of_one_process(train, tmp_path):
    """Four training episodes, so that a step is over all of them; two validate."""
    blocks = {block: {"batch": "episode", "train_split": 0.7} for block in ("train_dataset", "val_dataset")}
    rows = []
    for processes in (1, 2):
        folder = tmp_path / str(processes)
        folder.mkdir()
        done = train(folder, processes, batch_size=1, **blocks)
        assert done.returncode == 0, done.stderr[-3000:]
        rows.append(losses(folder))
    assert [[row["step"] for row in each] for each in rows] == [["1", "2"]] * 2
    for name in ("train_loss", "val_loss", "val_mae", "val_chunk_rmse_linear_x"):
        one, two = ([float(row[name]) for row in each] for each in rows)
        assert two == pytest.approx(one, rel=1e-5) and one[0] != pytest.approx(one[1], rel=1e-3)


@pytest.mark.slow
def test_two_nodes_are_one_run(upstream_root, write_config, single, tmp_path):
    """Two agents of torchrun, as on two machines, each with one process."""
    trainer = {"strategy": "ddp", "max_epochs": 1, "accumulate_grad_batches": 2}
    config = write_config(tmp_path, trainer=trainer, learning_rate=1e-2)
    meeting = ["--nnodes", 2, "--nproc_per_node", 1, "--master_addr", "127.0.0.1", "--master_port", free_port()]
    run = [*TRAIN, upstream_root, config, "--gpus", 1, "--num_nodes", 2]

    def agent(rank):
        return run_python(["-m", "torch.distributed.run", *meeting, "--node_rank", rank, *run], tmp_path, timeout=240)

    with ThreadPoolExecutor() as machines:
        ended = list(machines.map(agent, range(2)))
    assert [done.returncode for done in ended] == [0, 0], ended[0].stderr[-3000:]
    (row,) = losses(tmp_path)
    for name in ("train_loss", "val_loss"):
        assert float(row[name]) == pytest.approx(float(single[0][name]), rel=1e-5)
    assert json.loads((run_folder(tmp_path) / "run.json").read_text())["machine"]["processes"] == 2


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.slow
def test_no_process_waits_for_a_writer_that_fails(train, tmp_path):
    done = train(tmp_path, 2, env={"FULL": "0"}, mobile={"checkpoints": {"every_n_steps": 2}})
    assert done.returncode == 0, done.stderr[-3000:]
    # a state at step 2, 4 and each epoch's end, and again in the second epoch
    assert done.stderr.count("last.ckpt could not be written (No space left on device)") == 6
    assert done.stderr.count("/last could not be written (No space left on device)") == 2
    assert not list((tmp_path / "runs").rglob("*.ckpt"))


@pytest.mark.slow
def test_a_disk_that_refuses_from_the_start_ends_all_processes(train, tmp_path):
    done = train(tmp_path, 2, env={"FULL": "start"})
    assert done.returncode != 0
    assert "Nothing can be written in" in done.stderr, done.stderr[-6000:]
    assert not list((tmp_path / "runs").rglob("losses.csv"))


@pytest.mark.slow
def test_several_processes_resume_together(train, tmp_path):
    assert train(tmp_path, 2, epochs=1).returncode == 0
    done = train(tmp_path, 2, resume="last")
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("resuming from") == 1
    assert [row["epoch"] for row in losses(tmp_path)] == ["0", "1"]
