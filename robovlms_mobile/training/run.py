"""Look at the config once the model is there; when the run is ours, bring in the callbacks that look after it."""

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback

from robovlms_mobile.options import is_mobile


class MobileRun(Callback):
    """Inert in a run that is not ours. Raises ConfigError in `setup` for a precision the machine cannot do."""

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Extend the trainer's callbacks; Lightning then calls their `setup` as well."""
        configs = getattr(pl_module, "configs", None)
        if stage == "fit" and isinstance(configs, dict) and is_mobile(configs):
            mobile, device = configs.get("mobile") or {}, trainer.strategy.root_device
            half = not str(configs["trainer"]["precision"]).startswith(("32", "64"))
            trainer.callbacks += _callbacks(configs)
            wanted = mobile.get("optimizer") or configs["train_setup"].get("bits")
            if half or device.type == "cuda" or wanted or "features" in (mobile.get("frames") or ()):
                from robovlms_mobile.training.requested import requested

                trainer.callbacks += requested(configs, device)


def _callbacks(configs):
    """Return what looks after a run of ours, in the order in which one reads what the one before it left."""
    from robovlms_mobile.training.checkpoint_options import checkpoint_options
    from robovlms_mobile.training.checkpoints import AdapterCheckpoint
    from robovlms_mobile.training.curves import LossCurves
    from robovlms_mobile.training.gradients import FiniteGradients, GradientGuard
    from robovlms_mobile.training.metrics import EpochLosses
    from robovlms_mobile.training.parameters import ParameterTable
    from robovlms_mobile.training.record import RunRecord
    from robovlms_mobile.training.reproducible.epochs import EpochClock
    from robovlms_mobile.training.resume.continuity import Continuity
    from robovlms_mobile.training.watch.gate import AuditGate
    from robovlms_mobile.training.watch.policy import PolicyFigures

    losses, continuity = EpochLosses(), Continuity()
    policy, audited = PolicyFigures(losses), AuditGate()
    saving = AdapterCheckpoint(losses, continuity, checkpoint_options(configs))
    watching = [ParameterTable(), losses, policy, audited, FiniteGradients(), GradientGuard(), continuity]
    return [EpochClock(configs["seed"]), *watching, saving, RunRecord(losses, policy, audited), LossCurves(losses)]
