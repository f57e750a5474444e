"""What a step of a whole run waits for its data and spends in the plugin's callbacks, as shares of the step."""

import tempfile
import time
import warnings
from collections import defaultdict
from pathlib import Path
from statistics import mean, median
from typing import Any

from lightning.pytorch.callbacks import Callback
from lightning.pytorch.profilers import Profiler

from robovlms_mobile.rehearsal.main_run import run_main
from robovlms_mobile.rehearsal.measured_run import shortened

WARM = 3  # steps that are not counted: the workers start, windows of the first ones have waited before
NEXT, BATCH = "train_dataloader_next", "run_training_batch"  # Lightning's names of what it does
HOOKS = (
    *("on_train_batch_start", "on_before_zero_grad", "on_before_backward", "on_after_backward"),
    *("on_before_optimizer_step", "on_train_batch_end"),
)
EPISODES, SIZE = 4, (320, 180)  # synthetic ones, decoded before the first step


def run_shares(config: dict, root: str | Path, steps: int) -> dict[str, Any]:
    """Train some steps of one window through upstream's main.py, each with an optimizer's step, on synthetic episodes.

    Args:
        config: of a run whose base model is there; with as many workers to read data as it says.
        root: the checkout.
        steps: how many are counted.

    Returns:
        dict: "steps", "workers"; "seconds" of a step, the median; "data_wait" and "plugin", seconds a step in the mean;
        "callbacks": the plugin's → seconds a step; "ratio" of the two to the mean step: {"data_wait", "plugin"}.
    """
    from robovlms_mobile.simulation.recordings import write_episodes

    account = Account()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a policy of a few steps
        write_episodes(Path(folder) / "episodes", episodes=EPISODES, seed=0, size=SIZE)
        config = shortened(config, folder)
        config["trainer"] |= {"accumulate_grad_batches": 1, "limit_train_batches": WARM + steps}
        for block in ("train_dataset", "val_dataset"):
            config[block] = {**config[block], "data_dir": str(Path(folder) / "episodes")}
        run_main(root, config, _Kept(account))
    return {"steps": steps, "workers": config["num_workers"], **account.shares()}


class Account(Profiler):
    """Lightning's own account of a run: action → seconds of each time."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, list[float]] = defaultdict(list)
        self.ours: dict[str, str] = {}  # an action of the plugin's in a step → its callback
        self._began: dict[str, float] = {}

    def start(self, action_name: str) -> None:
        self._began[action_name] = time.perf_counter()

    def stop(self, action_name: str) -> None:
        if action_name in self._began:  # what goes on when the account is opened has no beginning
            self.found[action_name].append(time.perf_counter() - self._began.pop(action_name))

    def summary(self) -> str:
        """Nothing to print."""
        return ""

    def shares(self) -> dict[str, Any]:
        """Return what `run_shares` does, of the steps after the first ones."""
        (waits,) = (each[WARM:] for name, each in self.found.items() if name.endswith(NEXT))
        batches, callbacks = self.found[BATCH][WARM:], dict.fromkeys(self.ours.values(), 0.0)
        for action, name in self.ours.items():
            callbacks[name] += sum(self.found[action][WARM:]) / len(batches)
        inside = [each for name, each in self.found.items() if name.endswith(HOOKS[-1]) or name.endswith(HOOKS[0])]
        steps = [sum(parts) for parts in zip(batches, waits, *(each[WARM:] for each in inside), strict=False)]
        found = {"data_wait": mean(waits), "plugin": sum(callbacks.values())}
        ratio = {name: seconds / mean(steps) for name, seconds in found.items()}
        return {"seconds": median(steps), **found, "callbacks": callbacks, "ratio": ratio}


class _Kept(Callback):
    """Opens the account when the training begins."""

    def __init__(self, account):
        self.account = account

    def on_train_start(self, trainer, pl_module):
        for each in trainer.callbacks:
            if type(each).__module__.startswith("robovlms_mobile.training"):
                names = {f"[Callback]{each.state_key}.{hook}": type(each).__name__ for hook in HOOKS}
                self.account.ours |= names
        trainer.profiler = self.account
