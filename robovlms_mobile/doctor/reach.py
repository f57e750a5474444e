"""Whether the picture and the instruction reach the action: the audit of a run, on the model a config names.

The model is built in a process of its own: what it takes is given back, and a machine it does not fit says so.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator

from robovlms_mobile.doctor.subject import Subject
from robovlms_mobile.findings import Finding
from robovlms_mobile.options import audit_option, mobile_blocks

WHERE = "audit"
SECONDS = 900
LATER = "the run itself audits before its first step"


def reach(subject: Subject) -> Iterator[Finding]:
    """Yield what does not reach the action, or how many tokens do; a warning where the model cannot be built here."""
    from robovlms_mobile.checkout.working_copy import checkout_status

    if audit_option(subject.config) == "off" or not mobile_blocks(subject.config):
        yield Finding("warn", "not audited: mobile.audit is off, or the data is no MobileVLAH5Dataset", WHERE)
        return
    root = str(checkout_status(subject.root).root)
    try:
        command = [sys.executable, "-m", __name__, subject.config_path, root]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
        found = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        yield Finding("warn", f"not audited: it took more than {SECONDS} s", WHERE, LATER)
        return
    except (ValueError, IndexError):  # no result: killed, or the model could not be built
        last = (done.stderr.strip().splitlines() or [f"status {done.returncode}, as where memory runs out"])[-1]
        yield Finding("warn", f"not audited: the model could not be built here ({last[:200]})", WHERE, LATER)
        return
    level = "warn" if audit_option(subject.config) == "warn" else "error"
    for fault in found["faults"]:
        yield Finding(level, fault, WHERE, "take robovlms_mobile's backbones on an unchanged transformers")
    for what in found["unchecked"]:
        yield Finding("warn", f"not checked: {what}", WHERE, LATER)
    for what in found["doubts"]:
        yield Finding("warn", what, WHERE, "give them an instruction each, by `instruction` in the dataset blocks")
    if found["reached"]:
        yield Finding("ok", found["reached"], WHERE)


def _main(config_path, root):
    """Print the audit of a config as one line of JSON, the last of the output."""
    import dataclasses

    import torch

    import robovlms_mobile
    from robovlms_mobile.config.load import load_config
    from robovlms_mobile.launch.noise import quiet_libraries

    robovlms_mobile.register()
    sys.path.insert(0, root)
    config = load_config(config_path)
    with quiet_libraries(), tempfile.TemporaryDirectory() as folder:
        from robovlms.train.base_trainer import BaseTrainer

        from robovlms_mobile.training.watch.audit import audit

        # one window is looked at: nothing is decoded for later, and no split is written beside the data
        config["mobile"] = {**config.get("mobile", {}), "frames": {"store": "off", "dir": folder}}
        device = "cuda" if torch.cuda.is_available() else "cpu"
        module = BaseTrainer(configs=config).to(device)

        def place(batch):
            return {key: value.to(device) if hasattr(value, "to") else value for key, value in batch.items()}

        found = audit(module, _dataset(config, module.model), place)
        print(json.dumps({**dataclasses.asdict(found), "reached": found.reached}))


def _dataset(config, model):
    """The training data as upstream's data module makes it."""
    import functools

    from robovlms.data.data_utils import preprocess_image

    from robovlms_mobile.config.keys import FROM_ABOVE
    from robovlms_mobile.data.dataset import MobileVLAH5Dataset

    block = {key: value for key, value in mobile_blocks(config)[0].items() if key != "type"}
    above = {name: config[name] for name in FROM_ABOVE if name in config}
    image_fn = functools.partial(preprocess_image, image_processor=model.image_processor, model_type=config["model"])
    text = {"tokenizer": model.tokenizer, "tokenizer_config": config["tokenizer"], "model_name": config["model"]}
    return MobileVLAH5Dataset(**{**block, **above, **text}, image_fn=image_fn, is_training=True)


if __name__ == "__main__":
    _main(*sys.argv[1:])
