"""On several processes rank 0 alone looks at the disk: the others get its folder, its state and its refusals."""

import json

import pytest
from support.runs import write_run

RANKS = """
import json, os, sys
import torch.distributed as dist
from robovlms_mobile.errors import MobileError
from robovlms_mobile.training.resume.start import settle

dist.init_process_group("gloo")
task, resume = sys.argv[1 + dist.get_rank() * 2:][:2]  # what each rank sees
configs = {"exp_name": "run", "trainer": {}, "mobile": {}, "output_dir": f"{task}/2026-02-02/run", "resume": resume}
try:
    settle(configs)
    told = [configs["output_dir"], configs["resume"]]
except MobileError as error:
    told = [type(error).__name__, str(error)]
with open(f"rank-{dist.get_rank()}.json", "w") as file:
    json.dump(told, file)
dist.barrier()
dist.destroy_process_group()
"""


@pytest.fixture
def settled(run_python, tmp_path):
    """`settled(first, second)` → what `settle` told each of two processes that see (task folder, resume) on disk."""

    def settled(*seen):
        (tmp_path / "ranks.py").write_text(RANKS)
        launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", 2, "ranks.py"]
        done = run_python([*launcher, *(word for each in seen for word in each)], cwd=tmp_path)
        assert done.returncode == 0, done.stderr[-3000:]
        return [json.loads((tmp_path / f"rank-{rank}.json").read_text()) for rank in range(2)]

    return settled


def test_the_others_get_folder_and_state_of_rank_zero_whatever_they_see(settled, tmp_path):
    """Rank 1 is on a node whose file system lags behind, and whose clock says the next day."""
    state = write_run(tmp_path / "first" / "2026-01-01" / "run")
    (tmp_path / "second").mkdir()
    told = settled((tmp_path / "first", "last"), (tmp_path / "second", "last"))
    assert told == [[str(state.parent), str(state)]] * 2
    assert list((tmp_path / "second").iterdir()) == []


def test_what_rank_zero_refuses_every_rank_refuses(settled, tmp_path):
    state = write_run(tmp_path / "second" / "2026-01-01" / "run")
    told = settled((tmp_path / "first", tmp_path / "gone.ckpt"), (tmp_path / "second", state))
    assert told[0] == told[1]
    assert told[0][0] == "CheckpointError" and "gone.ckpt, which is not a file" in told[0][1]
