"""What a training run loads before it trains: not what writes cards and pictures, compares on resume, or patches."""

LATER = ("checkout", "adapters.card", "adapters.contract", "adapters.loading", "training.loss_picture")
LATER += ("training.resume.differences", "training.resume.earlier", "training.bad_gradients", "leftovers")
PROGRAM = """
import sys
from pathlib import Path
from robovlms_mobile.training import record, run
from robovlms_mobile.training.resume import start
run.MobileRun()
record._repository(Path.cwd(), around=True)
print(*run._callbacks({"seed": 0}))
print(*sys.modules)
"""


def test_a_run_loads_what_it_writes_or_compares_with_when_it_does(run_afresh, tmp_path):
    done = run_afresh(["-c", PROGRAM], cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    callbacks, modules = done.stdout.strip().splitlines()[-2:]
    assert "RunRecord" in callbacks and "AdapterCheckpoint" in callbacks
    later = tuple(f"robovlms_mobile.{name}" for name in LATER)
    assert [name for name in modules.split() if name.startswith(later)] == []
