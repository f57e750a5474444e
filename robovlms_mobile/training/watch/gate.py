"""The audit before a new run's first step: what does not reach the action stops it, or is said."""

from lightning.pytorch.callbacks import Callback

from robovlms_mobile.errors import ConfigError
from robovlms_mobile.options import AUDIT, audit_option
from robovlms_mobile.training.loaders import own_dataset


class AuditGate(Callback):
    """Audits on rank zero, for all. A run that resumes was audited when it began.

    Attributes:
        found: the `Audit`; None before it, and in a run that resumes.

    Raises:
        ConfigError: `mobile.audit` is none of AUDIT.
        ModelError: with everything that does not reach the action, unless `mobile.audit` says "warn".
    """

    found = None

    def on_train_start(self, trainer, pl_module):
        option = audit_option(pl_module.configs)
        if option not in AUDIT:
            raise ConfigError(f"mobile.audit is {option!r}, expected one of {list(AUDIT)}.")
        if option == "off" or trainer.global_step or pl_module.configs.get("resume"):
            return
        self.found = found = trainer.strategy.broadcast(trainer.is_global_zero and _audited(trainer, pl_module))
        if found.faults or found.unchecked or found.doubts:
            from robovlms_mobile.training.watch.unheard import say

            say(found, option, trainer.is_global_zero)


def _audited(trainer, pl_module):
    from robovlms_mobile.training.watch.audit import Audit, audit

    dataset = own_dataset(trainer.train_dataloader)
    if dataset is None or getattr(pl_module.model, "act_head", None) is None:
        return Audit(unchecked=["it takes a MobileVLAH5Dataset and an act_head"])
    strategy = trainer.strategy
    try:
        found = audit(pl_module, dataset, strategy.batch_to_device, strategy.precision_plugin.train_step_context)
    except Exception as error:  # another backbone's code, on a path it never took: no reason to refuse the run
        return Audit(unchecked=[f"the audit itself failed ({type(error).__name__}: {error}); please report it"])
    if found.reached:
        print(f"robovlms-mobile: audit: {found.reached}", flush=True)
    return found
