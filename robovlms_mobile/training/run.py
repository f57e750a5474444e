"""Look at the config once the model is there; when the run is ours, bring in the callbacks that look after it."""

from lightning.pytorch.callbacks import Callback

from robovlms_mobile.errors import ConfigError
from robovlms_mobile.model.lora import has_lora
from robovlms_mobile.options import is_mobile
from robovlms_mobile.training.checkpoint_options import checkpoint_options
from robovlms_mobile.training.checkpoints import AdapterCheckpoint
from robovlms_mobile.training.curves import LossCurves
from robovlms_mobile.training.gradients import GradientGuard
from robovlms_mobile.training.metrics import EpochLosses
from robovlms_mobile.training.parameters import ParameterTable
from robovlms_mobile.training.record import RunRecord
from robovlms_mobile.training.reproducible.epochs import EpochClock
from robovlms_mobile.training.resume.continuity import Continuity


class MobileRun(Callback):
    """Inert in a run that is not ours. Raises ConfigError in `setup` for a precision the machine cannot do."""

    def setup(self, trainer, pl_module, stage):
        """Extend the trainer's callbacks; Lightning then calls their `setup` as well."""
        configs = getattr(pl_module, "configs", None)
        if stage != "fit" or not isinstance(configs, dict) or not is_mobile(configs):
            return
        _check_precision(trainer)
        losses = EpochLosses()
        trainer.callbacks += [EpochClock(configs["seed"]), ParameterTable(), losses]
        if has_lora(pl_module.model.backbone):
            continuity = Continuity()
            saving = AdapterCheckpoint(losses, continuity, checkpoint_options(configs))
            trainer.callbacks += [GradientGuard(), continuity, saving]
        trainer.callbacks += [RunRecord(losses), LossCurves(losses)]


def _check_precision(trainer):
    precision = str(trainer.precision)
    if trainer.strategy.root_device.type == "cpu" and not precision.startswith(("32", "64")):
        raise ConfigError(
            f"trainer.precision is {precision} and this run is on the CPU, which trains at 32 only. "
            "Add the flag --precision 32, or run where torch.cuda.is_available()."
        )
