"""Nothing of the plugin is left where a stranger looks: the environment, functions of Python and torch, argv."""

import json
import os

import pytest
from support.checkouts import TESTS
from support.patched import copy_of
from support.untouched import state

from robovlms_mobile.launch.process import RENDEZVOUS
from robovlms_mobile.launch.running import run_main

STRANGER = """
import json, subprocess, sys
import torch, lightning.pytorch as pl
from support.untouched import state
before = state()
{bring_in}
import robovlms.data, robovlms.model.backbone, robovlms.train.base_trainer

class Line(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)
    def training_step(self, batch, index):
        return self.layer(batch).square().mean()
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)

data = torch.utils.data.DataLoader(torch.ones(4, 2))
quiet = dict(logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False)
trainer = pl.Trainer(max_epochs=1, accelerator="cpu", **quiet)
trainer.fit(Line(), data)
external = trainer.strategy.cluster_environment.creates_processes_externally if hasattr(
    trainer.strategy, "cluster_environment") and trainer.strategy.cluster_environment else False
after = state()
child = subprocess.run([sys.executable, "-c", "import os, json; print(json.dumps(dict(os.environ)))"],
                       capture_output=True, text=True, check=True).stdout
changed = [name for name in before if name != "path" and before[name] != after[name]]
print("FACTS" + json.dumps([changed, after["replaced"], external, "RANK" in json.loads(child)]))
"""


@pytest.mark.parametrize("how", ["register", "patched"])
@pytest.mark.heavy
def test_another_trainer_and_a_child_process_see_nothing_of_ours(upstream_root, run_afresh, tmp_path, how):
    """After `register()`, and after a script that is not main.py imports a patched checkout."""
    checkout, bring_in = upstream_root, "import robovlms_mobile; robovlms_mobile.register()"
    if how == "patched":
        checkout, bring_in = copy_of(upstream_root, tmp_path / "RoboVLMs"), "import robovlms"
    script = tmp_path / "main.py"  # so called, and yet not the checkout's
    script.write_text(STRANGER.format(bring_in=bring_in))
    done = run_afresh([script], cwd=tmp_path, env={"PYTHONPATH": os.pathsep.join([str(checkout), str(TESTS)])})
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.split("FACTS")[1]) == [[], [], False, False]


def test_a_patched_main_py_trains_with_every_function_as_it_came(patched_run):
    """But for the filter on Lightning's log, which lasts as long as main.py does."""
    assert patched_run.facts["replaced"] == ["logging"]
    assert patched_run.facts["rank"] == "0"


@pytest.mark.parametrize("ends", ["well", "with an error"])
def test_running_main_py_from_this_process_leaves_it_as_it_was(tmp_path, monkeypatch, capfd, ends):
    for name in RENDEZVOUS:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "main.py").write_text(
        "import os, sys, torch, torch.distributed as dist\n"
        "dist.init_process_group(backend='nccl')\n"
        "print(os.environ['RANK'], os.environ['WORLD_SIZE'], dist.get_world_size(), sys.argv[1:])\n"
        "dist.destroy_process_group()\n"
        f"{'pass' if ends == 'well' else 'raise KeyError(1)'}\n"
    )
    import lightning.pytorch  # noqa: F401  (what it changes when imported is not ours)

    before = state()
    if ends == "well":
        run_main(tmp_path, ["config.json"], verbose=False)
    else:
        with pytest.raises(KeyError):
            run_main(tmp_path, ["config.json"], verbose=False)
    assert state() == before
    assert capfd.readouterr().out.strip() == "0 1 1 ['config.json']"
