"""`gradient_checkpointing: true` really recomputes the text layers. On stand-in and real checkout."""

import json

import pytest

PROBE = """
import json, sys
sys.path.insert(0, sys.argv[1])
import robovlms_mobile
robovlms_mobile.register()
import torch
from robovlms.train.base_trainer import BaseTrainer
model = BaseTrainer.from_checkpoint(None, "torch", json.load(open(sys.argv[2]))).model
calls = []
layer = model.text_tower.layers[0]
layer.ffn.fc1.register_forward_hook(lambda *args: calls.append(1))
text = torch.ones(1, 5, dtype=torch.long)
labels = (torch.zeros(1, 4, 10, 6), torch.zeros(1, 4, 10))
loss = model(torch.rand(1, 4, 3, 224, 224), text, attention_mask=text.bool(), action_labels=labels,
             action_mask=torch.ones(1, 4, 10).bool(), data_source="mobile_vla_action")
loss["loss"].backward()
gradients = [p.grad is not None for n, p in model.named_parameters() if ".lora_B." in n]
print(json.dumps({"calls": len(calls), "gradients": sum(gradients), "adapters": len(gradients)}))
"""


@pytest.mark.parametrize(("wanted", "calls"), [pytest.param(False, 1, marks=pytest.mark.slow), (True, 2)])
@pytest.mark.heavy
def test_text_layers_run_again_in_the_backward_pass(upstream_root, run_python, make_config, tmp_path, wanted, calls):
    config = make_config(train_setup={"gradient_checkpointing": wanted})
    done = run_python(["-c", PROBE, upstream_root, config], cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["calls"] == calls
    assert seen["gradients"] == seen["adapters"] > 0
