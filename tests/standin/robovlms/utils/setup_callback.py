"""Writes the resolved config beside the logs when training starts."""

import json
from pathlib import Path

from lightning.pytorch.callbacks import Callback


class SetupCallback(Callback):
    def __init__(self, now, logdir, ckptdir, cfgdir, config):
        self.now, self.config = now, config
        self.logdir, self.ckptdir, self.cfgdir = logdir, ckptdir, cfgdir

    def on_train_start(self, trainer, model):
        if trainer.global_rank != 0:
            return
        for folder in (self.logdir, self.ckptdir, self.cfgdir):
            Path(folder).mkdir(parents=True, exist_ok=True)
        Path(self.cfgdir, f"{self.now}-project.json").write_text(json.dumps(self.config, indent=4))
