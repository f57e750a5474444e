"""Figures of the policy in the robot's units after each validation, beside baselines that do not look at all."""

import warnings

from lightning.pytorch.callbacks import Callback

from robovlms_mobile.data.instructions import instruction_for
from robovlms_mobile.scoring.baselines import Baselines
from robovlms_mobile.scoring.scored import usual_speed
from robovlms_mobile.training.loaders import own_dataset
from robovlms_mobile.training.watch import measures
from robovlms_mobile.training.watch.collapse import no_reaction, one_direction
from robovlms_mobile.training.watch.predictions import Predictions

SPACES = ("continuous", "down_sample")  # act_head.action_space of heads that predict velocities


class PolicyFigures(Callback):
    """Logs `val_mae`, `val_direction_accuracy` and all that `measures.measures` returns, with `val_` before its name.

    Reads what the policy head returns in upstream's own validation steps: nothing is computed twice. Every process
    comes to the same figures. A validation that cannot be measured (another dataset, a head over tokens) says so once.

    Args:
        losses: the run's `EpochLosses`, earlier in the list of callbacks; its rows get "by_scenario", and "not_beaten":
            baseline → the figures in which the policy is not better, and "predicted": {"episode", "actions"}, what was
            predicted of the first frames of one, (≤ 6, N, D) in m/s and rad/s, which `verify` compares with.

    Attributes:
        baselines: baseline → its figures on the validation frames.
    """

    def __init__(self, losses):
        self.losses, self.baselines = losses, {}
        self._told, self._row = set(), {}
        self._predictions = self._hook = self._output = None

    def on_validation_epoch_start(self, trainer, pl_module):
        if trainer.sanity_checking:
            return
        reason = _not_measured(trainer, pl_module)
        if reason:
            self._tell(trainer, "none", reason)
            return
        self._predictions = Predictions(own_dataset(trainer.val_dataloaders))
        self._hook = pl_module.model.act_head.register_forward_hook(self._take)

    def _take(self, module, inputs, output):
        self._output = output

    def on_validation_batch_end(self, trainer, pl_module, outputs, batch, batch_idx, dataloader_idx=0):
        if self._predictions is None:
            return
        output, self._output = self._output, None
        if not self._predictions.add(batch["index"], output):
            self._close()
            self._tell(trainer, "none", "its head returns no (B, W, N, 6) of velocities")

    def on_validation_epoch_end(self, trainer, pl_module):
        predictions = self._predictions
        self._close()
        if predictions is None:
            return
        device, add = pl_module.device, trainer.strategy.reduce
        episodes = predictions.scored(lambda share: add(share.to(device), reduce_op="sum"))
        if episodes:
            self._measure(trainer, pl_module, predictions.dataset, episodes)
        else:
            self._tell(trainer, "none", "none of its predictions is a number")

    def on_train_epoch_end(self, trainer, pl_module):
        self.losses.history[-1].update(self._row)
        self._row = {}

    def state_dict(self):
        return {"baselines": self.baselines}

    def load_state_dict(self, state_dict):
        self.baselines = state_dict["baselines"]

    def _measure(self, trainer, pl_module, dataset, episodes):
        training, dims = own_dataset(trainer.train_dataloader), dataset.space.real_dims
        actions = [training.space.targets(each.actions, training.block.shift_first) for each in training.episodes]
        speed = usual_speed(actions, dims)
        if not self.baselines:
            known = Baselines(actions, [each.scenario or "unknown" for each in training.episodes])
            self.baselines = measures.baseline_measures(known, episodes, dims, speed)
        own = measures.measures(episodes, dims, speed)
        for name, value in own.items():
            if value is not None:
                pl_module.log(f"val_{name}", value)
        lost = measures.not_beaten(own, self.baselines)
        self._row = {"by_scenario": measures.by_scenario(episodes, dims, speed), "not_beaten": lost}
        if trainer.is_last_batch:  # else what is saved has moved on since
            actions = episodes[0].predicted[:6].round(6).tolist()
            self._row["predicted"] = {"episode": episodes[0].name, "actions": actions}
        if trainer.is_global_zero:
            print(f"robovlms-mobile: epoch {trainer.current_epoch + 1}: {measures.in_words(own, lost)}", flush=True)
        texts = {each.name: instruction_for(each, dataset.block.instruction) for each in dataset.episodes}
        self._tell(trainer, "one", one_direction(episodes, dims, speed))
        self._tell(trainer, "blind", no_reaction(episodes, texts, speed))

    def _tell(self, trainer, key, reason):
        """Warn of something once in a run."""
        if reason and key not in self._told and trainer.is_global_zero:
            what = "no figures of the policy while this run validates, only its loss: " if key == "none" else ""
            warnings.warn(f"{what}{reason}", stacklevel=2)
        self._told |= {key} if reason else set()

    def _close(self):
        if self._hook is not None:
            self._hook.remove()
        self._predictions = self._hook = self._output = None


def _not_measured(trainer, pl_module):
    """Return why a validation has no figures, None where it has."""
    if getattr(pl_module.model, "act_head", None) is None:
        return "there is no act_head"
    space = pl_module.configs["act_head"].get("action_space", "continuous")
    if space not in SPACES:
        return f"act_head.action_space is {space!r}"
    if None in (own_dataset(trainer.train_dataloader), own_dataset(trainer.val_dataloaders)):
        return "they are of MobileVLAH5Dataset, one block to train on and one to validate on"
    return None
