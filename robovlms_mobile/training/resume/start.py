"""Where a run begins, settled between upstream's Trainer and its model: its folder, what it resumes, what it loads.

Upstream reads `resume` from the config after it built the model, so what is written there now counts.
"""

import functools
import os
import sys
from pathlib import Path

import torch

from robovlms_mobile.config.refusals import check_run
from robovlms_mobile.errors import CheckpointError
from robovlms_mobile.options import is_mobile
from robovlms_mobile.training.checkpoint_options import checkpoint_options
from robovlms_mobile.training.resume.folders import experiment_of, fresh_folder, is_whole, newest_state

MODULE = "robovlms.train.base_trainer"


def install():
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

    from_checkpoint.stock = stock
    trainer.from_checkpoint = classmethod(from_checkpoint)


def settle(configs):
    """Choose a run's folder and the state it resumes from: sets `output_dir` and `resume`, writes nothing.

    All ranks of a run find the same, for none writes before all are past this point.

    Raises:
        ConfigError: what every run refuses, or checkpoint options that cannot be.
        CheckpointError: `resume` names a file that is absent or damaged.
    """
    check_run(configs, torch.cuda.is_available())
    checkpoint_options(configs)
    wanted, folder = configs.get("resume"), Path(configs["output_dir"])
    if wanted == "last":
        found = newest_state(folder.parent.parent, configs.get("exp_name"))
        configs["resume"] = str(found) if found else None
        _say(f"resuming from {found}" if found else f"no earlier run of {configs.get('exp_name')!r}: starting afresh")
    elif wanted is not None and not is_whole(wanted):
        state = "damaged" if Path(wanted).is_file() else "not a file"
        raise CheckpointError(
            f'resume is {wanted}, which is {state}. Name a run\'s last.ckpt, or set it to "last" (the newest whole one '
            "of this exp_name) or null (a new run)."
        )
    configs["output_dir"] = str(_home(configs["resume"], folder, configs.get("exp_name")))
    if configs["output_dir"] != str(folder):
        _say(f"this run's folder is {configs['output_dir']}")


def is_ours(path):
    """True for an adapter folder, a run's folder, and a `last.ckpt` of a run; False for a checkpoint of upstream's."""
    from robovlms_mobile.adapters.loading import UNREADABLE
    from robovlms_mobile.training.resume.state import KEY

    if os.path.isdir(path):
        return any(Path(path).glob("adapter_config.json")) or any(Path(path).glob("*/adapter_config.json"))
    try:
        return KEY in torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except UNREADABLE:  # whatever it is, upstream reads it or says why not
        return False


def load(module, path):
    """Copy what an earlier run trained into upstream's module; a run's folder means its `best`.

    Raises:
        CheckpointError: damaged, tampered with, or for another model or config; nothing is changed then.
    """
    from robovlms_mobile.adapters.loading import load_into, trained_tensors
    from robovlms_mobile.adapters.reading import check_base, read_adapters

    path = Path(path)
    if path.is_file():
        load_into(module, trained_tensors(path))
    else:
        adapters = read_adapters(path if (path / "adapter_config.json").exists() else path / "best", module)
        check_base(adapters, module.model.backbone)
        load_into(module, adapters.state)
    _say(f"starting from what was trained in {path}")


def _home(state, folder, experiment):
    """Return the folder a run writes to: that of the run it goes on with, else one that no run has."""
    if state is not None:
        run = Path(state).parent
        same_task = run.resolve().parent.parent == folder.resolve().parent.parent
        if same_task and experiment_of(run) == experiment:
            return run
    return fresh_folder(folder)


def _say(what):
    if os.environ.get("RANK", "0") == "0":
        print(f"robovlms-mobile: {what}", flush=True)
