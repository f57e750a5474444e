"""What a GPU does for upstream's trainer, done without one."""

import pytest
import torch
from support.processes import run_python

TRAINER = """
import torch

class BaseTrainer:
    def _get_loss(self, loss_act):
        loss = torch.tensor(0.0, requires_grad=True).to("cpu")
        loss += loss_act
        return loss
"""


@pytest.mark.skipif(torch.cuda.is_available(), reason="with a GPU nothing is replaced")
def test_a_trainer_may_add_in_place_to_a_zero_that_requires_grad(tmp_path):
    package = tmp_path / "robovlms" / "train"
    package.mkdir(parents=True)
    (package / "base_trainer.py").write_text(TRAINER)
    code = (
        "import torch; from robovlms_mobile.launch import cpu; cpu.allow()\n"
        "from robovlms.train.base_trainer import BaseTrainer\n"
        "weight = torch.ones((), requires_grad=True)\n"
        "loss = BaseTrainer()._get_loss(3 * weight); loss.backward()\n"
        "print(float(loss), float(weight.grad), torch.tensor(0.0, requires_grad=True).is_leaf)\n"
    )
    done = run_python(["-c", code], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["3.0", "3.0", "True"]
