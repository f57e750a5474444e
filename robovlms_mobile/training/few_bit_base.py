"""The base model of a run in 8 or 4 bits. Loaded where `train_setup.bits` asks for it."""

from lightning.pytorch.callbacks import Callback

from robovlms_mobile.model.few_bits import to_few_bits
from robovlms_mobile.training.resume.folders import say


class FewBitBase(Callback):
    """Puts the codes in the place of the weights: after their fingerprint was taken, and before they go to a device."""

    def setup(self, trainer, pl_module, stage):
        bits = pl_module.configs["train_setup"]["bits"]
        count = to_few_bits(pl_module.model.backbone, bits, trainer.strategy.root_device)
        say(f"{count} Linear layers of the base model are in {bits} bits while it trains")
