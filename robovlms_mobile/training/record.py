"""`run.json`: everything that tells how a run came about, and its losses by epoch."""

import json
import platform
import sys
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from lightning.pytorch.callbacks import Callback

from robovlms_mobile.errors import CheckoutError, CheckpointError
from robovlms_mobile.files import recover, replace_file
from robovlms_mobile.training.parameters import count_parameters
from robovlms_mobile.training.resume.folders import RECORD
from robovlms_mobile.training.saving import REFUSALS, as_text, say_refused

PACKAGES = ("robovlms-mobile", "torch", "lightning", "transformers", "peft", "h5py", "numpy", "safetensors")


class RunRecord(Callback):
    """Writes run.json on rank zero: at the start, after each epoch, and at the end.

    Args:
        losses: the run's `EpochLosses`, earlier in the list of callbacks.

    Raises:
        CheckpointError: another run took the same folder a moment ago.
    """

    def __init__(self, losses):
        self.losses = losses
        self._record = {}

    def setup(self, trainer, pl_module, stage):
        if trainer.is_global_zero:
            folder, resumed = Path(pl_module.configs["output_dir"]), pl_module.configs.get("resume")
            try:
                folder.mkdir(parents=True, exist_ok=True)
                recover(folder)
            except OSError as error:
                say_refused(folder, error)
            if resumed is None or Path(resumed).parent != folder:
                _claim(folder / RECORD)

    def on_train_start(self, trainer, pl_module):
        """Write for the first time: what is refused on resume has left everything as it was."""
        if trainer.is_global_zero:
            folder = Path(pl_module.configs["output_dir"])
            _keep_split(trainer, folder)
            self._record = describe(trainer, pl_module) | {"sessions": _sessions(folder, pl_module.configs)}
            self._write(trainer, pl_module, "running")

    def on_train_epoch_end(self, trainer, pl_module):
        self._write(trainer, pl_module, "running")

    def on_train_end(self, trainer, pl_module):
        self._write(trainer, pl_module, "finished")

    def on_exception(self, trainer, pl_module, exception):
        if self._record:
            self._write(trainer, pl_module, f"stopped: {type(exception).__name__}: {str(exception)[:500]}")
        elif trainer.is_global_zero:
            _let_go(Path(pl_module.configs["output_dir"]) / RECORD)

    def _write(self, trainer, pl_module, status):
        if not trainer.is_global_zero:
            return
        folder = Path(pl_module.configs["output_dir"])
        now = {"status": status, "updated": _now(), "data": _split(folder), "epochs": self.losses.history}
        try:
            with replace_file(folder / RECORD) as temporary:
                temporary.write_text(as_text(self._record | now), encoding="utf-8")
        except REFUSALS as error:
            say_refused(folder / RECORD, error)


def _claim(path):
    """Take the folder of a new run: of two that start at once, one gets it."""
    try:
        path.open("x").close()
    except FileExistsError:
        raise CheckpointError(
            f"Another run has just taken {path.parent}. Start again: this one then gets a folder of its own."
        ) from None
    except OSError as error:
        say_refused(path, error)


def _let_go(path):
    """Give back a folder that was taken for a run that never started."""
    if path.is_file() and not path.stat().st_size:
        path.unlink()


def _keep_split(trainer, folder):
    """Copy the split of the run's episodes into its folder, where the dataset keeps one."""
    copy = getattr(getattr(trainer.train_dataloader, "dataset", None), "copy_split", None)
    try:
        if copy:
            copy(folder)
    except OSError as error:
        say_refused(folder / "split.json", error)


def describe(trainer, pl_module):
    """Return how a run came about: config, versions, machine, checkout, git, parameters, a dict for JSON."""
    configs = pl_module.configs
    return {
        "experiment": configs.get("exp_name"),
        "config": json.loads(json.dumps(configs, default=str)),
        "versions": _versions(),
        "machine": {
            "system": platform.platform(),
            "python": platform.python_version(),
            "device": str(trainer.strategy.root_device),
            "processes": trainer.world_size,
        },
        "checkout": _checkout(),
        "git": _git(Path.cwd()),
        "parameters": count_parameters(pl_module.model),
    }


def _versions():
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def _checkout():
    """Return commit, state and patches of the checkout this process imported; None where git cannot be asked."""
    module = sys.modules["robovlms.train.base_trainer"]
    try:
        from robovlms_mobile.checkout import checkout_status

        status = checkout_status(Path(module.__file__).parents[2])
    except (ImportError, CheckoutError, OSError):
        return None
    return {
        "commit": status.commit,
        "state": status.state,
        "patches": {each.name: each.state for each in status.patches},
    }


def _git(folder):
    """Return commit, branch and whether there are changes of the repository around `folder`; None outside of one."""
    try:
        import git
    except ImportError:  # GitPython's own answer to a missing git program
        return None
    try:
        repository = git.Repo(folder, search_parent_directories=True)
        branch = None if repository.head.is_detached else repository.active_branch.name
        return {"commit": repository.head.commit.hexsha, "branch": branch, "changed": repository.is_dirty()}
    except (git.exc.GitError, ValueError, OSError):  # no repository, no commit yet, or git refuses
        return None


def _sessions(folder, configs):
    """Return one entry for each time the run was started or resumed."""
    try:
        before = json.loads((folder / RECORD).read_text(encoding="utf-8"))["sessions"]
    except (OSError, ValueError, LookupError):
        before = []
    started = {"started": _now(), "resumed_from": configs.get("resume"), "command": sys.argv}
    return [*before, started]


def _split(folder):
    try:
        return json.loads((folder / "split.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _now():
    return datetime.now().astimezone().isoformat(timespec="seconds")
