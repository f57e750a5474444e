"""`run.json`: everything that tells how a run came about, and its losses and figures by epoch."""

import inspect
import json
import platform
import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from robovlms_mobile.files import ASIDE, PART, read_json, replace_file
from robovlms_mobile.training.loaders import own_dataset
from robovlms_mobile.training.parameters import count_parameters
from robovlms_mobile.training.resume.folders import RECORD
from robovlms_mobile.training.resume.lock import release
from robovlms_mobile.training.saving import as_text, unless_refused
from robovlms_mobile.versions import versions

UPSTREAM = "robovlms.train.base_trainer"


class RunRecord(Callback):
    """Writes run.json on rank zero: at the start, after each epoch, and at the end.

    Args:
        losses: the run's `EpochLosses`, earlier in the list of callbacks.
        policy, audited: its `PolicyFigures` and its `AuditGate`, likewise.
    """

    def __init__(self, losses, policy, audited):
        self.losses, self.policy, self.audited = losses, policy, audited
        self._record = {}

    def setup(self, trainer, pl_module, stage):
        if trainer.is_global_zero:
            folder = Path(pl_module.configs["output_dir"])
            with unless_refused(folder):
                folder.mkdir(parents=True, exist_ok=True)
                if any(each.suffix in (PART, ASIDE) for each in folder.iterdir()):
                    from robovlms_mobile.leftovers import recover

                    recover(folder)

    def on_train_start(self, trainer, pl_module):
        """Write for the first time: what is refused on resume has left everything as it was."""
        if trainer.is_global_zero:
            folder = Path(pl_module.configs["output_dir"])
            with unless_refused(folder / "split.json"):
                if dataset := own_dataset(trainer.train_dataloader):
                    dataset.copy_split(folder)
            before = read_json(folder / RECORD) or {}
            audited = asdict(self.audited.found) if self.audited.found else before.get("audit")
            told = {"audit": audited, "sessions": _sessions(before, pl_module.configs)}
            self._record = describe(trainer, pl_module) | told
            self._write(trainer, pl_module, "running")

    def on_train_epoch_end(self, trainer, pl_module):
        self._write(trainer, pl_module, "running")

    def on_train_end(self, trainer, pl_module):
        self._write(trainer, pl_module, "finished")
        release()

    def on_exception(self, trainer, pl_module, exception):
        if self._record:
            self._write(trainer, pl_module, f"stopped: {type(exception).__name__}: {str(exception)[:500]}")
        release()

    def _write(self, trainer, pl_module, status):
        if not trainer.is_global_zero:
            return
        folder = Path(pl_module.configs["output_dir"])
        now = {"status": status, "updated": _now(), "data": read_json(folder / "split.json")}
        now |= {"baselines": self.policy.baselines, "epochs": self.losses.history}
        with unless_refused(folder / RECORD), replace_file(folder / RECORD) as temporary:
            temporary.write_text(as_text(self._record | now), encoding="utf-8")


def describe(trainer: Trainer, pl_module: LightningModule) -> dict:
    """Return how a run came about: config, versions, machine, checkout, git, parameters, a dict for JSON."""
    configs = pl_module.configs
    device = {"device": str(trainer.strategy.root_device), "processes": trainer.world_size}
    return {
        "experiment": configs.get("exp_name"),
        "config": json.loads(json.dumps(configs, default=str)),
        "versions": versions(),
        "machine": {"system": platform.platform(), "python": platform.python_version(), **device},
        "checkout": _repository(Path(inspect.getfile(sys.modules[UPSTREAM])).parents[2]),
        "git": _repository(Path.cwd(), around=True),
        "parameters": count_parameters(pl_module.model),
    }


def _repository(folder, around=False):
    """Return commit, branch and changed files of a git repository; None where there is none that git reads.

    Args:
        folder: its top folder, or with `around` any folder in it.
    """
    try:
        import git
    except ImportError:  # GitPython's own answer to a missing git program
        return None
    try:
        with git.Repo(folder, search_parent_directories=around) as repository:
            branch = None if repository.head.is_detached else repository.active_branch.name
            changed = repository.git.diff("HEAD", "--name-only").splitlines()
            return {"commit": repository.head.commit.hexsha, "branch": branch, "changed": changed}
    except (git.exc.GitError, ValueError, OSError):  # no repository, no commit yet, or git refuses
        return None


def _sessions(before, configs):
    """Return one entry for each time the run was started or resumed."""
    started = {"started": _now(), "resumed_from": configs.get("resume"), "command": sys.argv}
    return [*before.get("sessions", []), started]


def _now():
    return datetime.now().astimezone().isoformat(timespec="seconds")
