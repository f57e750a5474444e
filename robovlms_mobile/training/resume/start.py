"""Where a run begins, settled between upstream's Trainer and its model: its folder, what it resumes, what it loads.

Upstream reads `resume` from the config after it built the model, so what is written there now counts.
"""

import functools
import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from robovlms_mobile.errors import CheckpointError
from robovlms_mobile.options import is_mobile

if TYPE_CHECKING:
    from torch.nn import Module

MODULE = "robovlms.train.base_trainer"


def install() -> None:
    """Have upstream's `BaseTrainer.from_checkpoint` settle a run of ours first. Idempotent."""
    trainer = sys.modules[MODULE].BaseTrainer if MODULE in sys.modules else None
    if trainer is None or hasattr(trainer.from_checkpoint, "stock"):
        return
    stock = trainer.from_checkpoint.__func__

    @functools.wraps(stock)
    def from_checkpoint(cls, ckpt_path=None, ckpt_source="torch", configs=None):
        if not isinstance(configs, dict) or "output_dir" not in configs or not is_mobile(configs):
            return stock(cls, ckpt_path, ckpt_source, configs)
        settle(configs)
        if configs.get("resume"):  # its weights are loaded last, over any others
            return stock(cls, None, ckpt_source, configs)
        if ckpt_path is None or not is_ours(ckpt_path):
            return stock(cls, ckpt_path, ckpt_source, configs)
        module = stock(cls, None, ckpt_source, configs)
        load(module, ckpt_path)
        return module

    from_checkpoint.stock = stock  # type: ignore[attr-defined]
    trainer.from_checkpoint = classmethod(from_checkpoint)


def settle(configs: dict) -> None:
    """Choose a run's folder and the state it resumes from, and hold the folder: sets `output_dir` and `resume`.

    Rank 0 chooses, and every rank of the run gets its choice or its refusal.

    Raises:
        ConfigError: what every run refuses, or checkpoint options that cannot be.
        CheckpointError: `resume` names a file that is absent or damaged, or the folder of a run that is under way;
            or nothing can be written where the run would write.
    """
    from robovlms_mobile.training.resume.rank_zero import from_rank_zero

    folder, resume = from_rank_zero(lambda: _choose(configs))
    configs.update(output_dir=folder, resume=resume)


def _choose(configs):
    """Return (the run's folder, which is held then, the state it resumes or None)."""
    from torch import cuda

    from robovlms_mobile.config.refusals import check_run
    from robovlms_mobile.training.checkpoint_options import checkpoint_options

    check_run(configs, cuda.is_available())
    checkpoint_options(configs)
    folder, experiment = Path(configs["output_dir"]), configs.get("exp_name")
    resume = _state(configs.get("resume"), folder.parent.parent, experiment)
    try:
        home = _home(resume, folder, experiment)
    except OSError as error:
        raise CheckpointError(
            f"Nothing can be written in {folder} ({error.strerror}), so nothing was trained. Free some room there, or "
            "set output_root to a folder that can be written to, and start again."
        ) from error
    if home != folder:
        _say(f"this run's folder is {home}")
    return str(home), resume


def _state(wanted, task, experiment):
    """Return the path that `resume` means, None for a new run."""
    from robovlms_mobile.training.resume.folders import is_whole, newest_state

    if wanted == "last":
        found = newest_state(task, experiment)
        _say(f"resuming from {found}" if found else f"no earlier run of {experiment!r}: starting afresh")
        return str(found) if found else None
    if wanted is not None and not is_whole(wanted):
        state = "damaged" if Path(wanted).is_file() else "not a file"
        raise CheckpointError(
            f'resume is {wanted}, which is {state}. Name a run\'s last.ckpt, or set it to "last" (the newest whole one '
            "of this exp_name) or null (a new run)."
        )
    return wanted


def is_ours(path: str) -> bool:
    """True for an adapter folder, a run's folder, and a `last.ckpt` of a run; False for a checkpoint of upstream's."""
    from robovlms_mobile.training.resume.folders import is_state

    if os.path.isdir(path):
        kinds = ("adapter_config.json", "policy.safetensors")
        return any(any(Path(path).glob(f"{below}{kind}")) for kind in kinds for below in ("", "*/"))
    return is_state(Path(path))


def load(module: "Module", path: str | Path) -> None:
    """Copy what an earlier run trained into upstream's module; a run's folder means its `best`.

    Raises:
        CheckpointError: damaged, tampered with, for another model or config, or a last.ckpt where torch cannot read one
            safely; nothing is changed then.
    """
    from robovlms_mobile.adapters.loading import UNSAFE, can_be_fooled, load_into, trained_tensors
    from robovlms_mobile.adapters.reading import POLICY, check_base, read_adapters

    path = Path(path)
    if path.is_file() and can_be_fooled():
        raise CheckpointError(
            f"model_load_path is {path}, a pickle that this torch does not read safely. Name an adapter folder of that "
            f"run, best or last beside the file: those hold safetensors, which run nothing. {UNSAFE}"
        )
    if path.is_file():
        load_into(module, trained_tensors(path))
    else:
        adapters = read_adapters(path if (path / POLICY).exists() else path / "best", module)
        check_base(adapters, module.model.backbone)
        load_into(module, adapters.state)
    _say(f"starting from what was trained in {path}")


def _home(state, folder, experiment):
    """Return the folder a run writes to, held: that of the run it goes on with, else one that no run has."""
    from robovlms_mobile.training.resume.folders import experiment_of, fresh_folders
    from robovlms_mobile.training.resume.lock import hold

    if state is not None:
        run = Path(state).parent
        same_task = run.resolve().parent.parent == folder.resolve().parent.parent
        if same_task and experiment_of(run) == experiment:
            holder = hold(run)
            if holder:
                raise CheckpointError(
                    f"{run} is in use: {holder}. Two runs cannot go on in one folder. Wait for that one or end it; "
                    'for a second run from here set "resume": null and "model_load_path": "…/best".'
                )
            return run
        _warn_of_pickle(state)
    return next(name for name in fresh_folders(folder) if hold(name) is None)


def _warn_of_pickle(path):
    """Say of a state that another run wrote that this torch cannot read it safely."""
    from robovlms_mobile.adapters.loading import UNSAFE, can_be_fooled

    if can_be_fooled():
        warnings.warn(f"{path} is read though this run did not write it. {UNSAFE}", stacklevel=2)


def _say(what):
    if os.environ.get("RANK", "0") == "0":
        print(f"robovlms-mobile: {what}", flush=True)
