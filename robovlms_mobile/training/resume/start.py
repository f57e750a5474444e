"""Where a run begins, settled between upstream's Trainer and its model: its folder, what it resumes, what it loads.

Upstream reads `resume` from the config after it built the model, so what is written there now counts.
"""

import functools
import sys
from pathlib import Path

from robovlms_mobile.options import is_mobile, mobile_blocks
from robovlms_mobile.training.resume.folders import fresh_folders, say
from robovlms_mobile.training.resume.lock import hold

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
        if ckpt_path is None or configs.get("resume"):  # whose weights are loaded last, over any others
            return stock(cls, None, ckpt_source, configs)
        from robovlms_mobile.training.resume.earlier import loaded

        return loaded(functools.partial(stock, cls), ckpt_path, ckpt_source, configs)

    from_checkpoint.stock = stock  # type: ignore[attr-defined]
    trainer.from_checkpoint = classmethod(from_checkpoint)


def settle(configs: dict) -> None:
    """Choose a run's folder and the state it resumes from, and hold the folder: sets `output_dir` and `resume`.

    What `train_setup.gradient_checkpointing` "auto" comes to is settled as well, and the `color_order` of blocks
    without one.

    Rank 0 chooses, and every rank of the run gets its choice or its refusal.

    Raises:
        ConfigError: what every run refuses, or checkpoint options that cannot be; or nobody knows the colours' order.
        CheckpointError: `resume` names a file that is absent or damaged, or the folder of a run that is under way;
            or nothing can be written where the run would write.
    """
    if any(block.get("color_order") is None for block in mobile_blocks(configs)):
        from robovlms_mobile.config.unsaid_colours import say_colours

        say_colours(configs)
    from torch import distributed

    if distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1:
        from robovlms_mobile.training.resume.rank_zero import from_rank_zero

        configs.update(from_rank_zero(lambda: _choose(configs)))
    else:
        configs.update(_choose(configs))


def _choose(configs):
    """Return what to set: the run's folder, which is held then, the state it resumes or None, `train_setup` anew."""
    from torch import cuda

    from robovlms_mobile.config.refusals import check_run
    from robovlms_mobile.training.checkpoint_options import checkpoint_options

    check_run(configs, cuda.is_available())
    checkpoint_options(configs)
    folder, home, state = Path(configs["output_dir"]), None, None
    try:
        if configs.get("resume") is not None:
            from robovlms_mobile.training.resume.earlier import resumed

            home, state = resumed(configs["resume"], folder, configs.get("exp_name"))
        home = home or next(name for name in fresh_folders(folder) if hold(name) is None)
    except OSError as error:
        from robovlms_mobile.training.unsaved import no_room

        raise no_room(folder, error.strerror) from error
    if home != folder:
        say(f"this run's folder is {home}")
    chosen = {"output_dir": str(home), "resume": state}
    if cuda.is_available() or (configs.get("train_setup") or {}).get("gradient_checkpointing") == "auto":
        from robovlms_mobile.training.foresight import looked_ahead

        chosen["train_setup"] = looked_ahead(configs)
    return chosen
