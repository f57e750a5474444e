"""What a run is going to take of its GPU, counted before its model is built. Loaded where there is one, or for "auto".

It is counted in a process of its own: the tools that count stay out of the one that trains.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

GIB = 2**30
SECONDS = 300  # at most; Kosmos-2 takes about 20, twice where it does not fit
SMALL = 8  # a base model of this part of a device, or less, leaves half of it free whatever a batch keeps of it
TRAINER = "robovlms.train.base_trainer"
SETTING = "gradient_checkpointing"


def looked_ahead(configs: dict) -> dict:
    """Return `train_setup` with "auto" settled, after telling what the run is going to take of the GPU, if much.

    A count is no measurement: nothing is refused by it.
    """
    from torch import cuda

    setup = configs["train_setup"]
    if not cuda.is_available():
        return settled(setup, [])
    device = cuda.get_device_properties(int(os.environ.get("LOCAL_RANK", 0)))
    if setup.get(SETTING) != "auto" and _small(configs, device.total_memory):
        return setup
    try:
        tries = tried(configs, name_of(device), Path(str(sys.modules[TRAINER].__file__)).parents[2])
    except ValueError:
        tries = None
    for line in told(setup, tries, device.total_memory):
        print(f"robovlms-mobile: {line}", flush=True)
    return settled(setup, tries)


def tried(configs: dict, device: str, root: str | Path) -> list[dict[str, Any]]:
    """Return what `rehearse --for DEVICE --json` predicts of a run, see `rehearsal.prediction.Try`: not empty.

    Args:
        configs: as `load_config` gives it, or as upstream has completed it with its flags.
        device: such as "15.7GB".
        root: the checkout.

    Raises:
        ValueError: it cannot be counted.
    """
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.json"
        config.write_text(json.dumps({**configs, "parent": None}, default=str), encoding="utf-8")
        command = [sys.executable, "-m", "robovlms_mobile", "rehearse", str(config), "--for", device]
        hidden = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}  # whose memory is to be the run's alone
        try:
            done = subprocess.run(
                [*command, "--root", str(root), "--json"], capture_output=True, text=True, timeout=SECONDS, env=hidden
            )
            return json.loads(done.stdout)["predicted"]
        except (subprocess.TimeoutExpired, LookupError) as error:
            raise ValueError("it cannot be counted") from error


def name_of(device: Any) -> str:
    """Return what `--for` calls a GPU, of which torch tells these properties."""
    shared = "-shared" if getattr(device, "is_integrated", 0) else ""
    return f"{device.total_memory / GIB:.1f}GB{shared}"


def settled(setup: dict, tries: list[dict] | None) -> dict:
    """Return `train_setup` with checkpointing on or off where it says "auto": off where the run fits without.

    Args:
        tries: what was counted, the first without checkpointing; [] where nothing needs to fit, None where it could
            not be counted: then it is on.
    """
    if setup.get(SETTING) != "auto":
        return setup
    return {**setup, SETTING: tries is None or (bool(tries) and not tries[0]["fits"])}


def told(setup: dict, tries: list[dict] | None, room: int) -> Iterator[str]:
    """Yield sentences about what was counted: what "auto" came to, and a run that takes more than half of its device.

    Args:
        tries: as for `settled`, and not [].
        room: bytes of the device.
    """
    auto = setup.get(SETTING) == "auto"
    if tries is None:
        if auto:
            yield f'what this run takes cannot be counted, so {SETTING} "auto" is on'
        return
    plain, asis = tries[0], tries[1 if auto and len(tries) > 1 else 0]
    if auto and asis is not plain:
        yield (
            f"{SETTING} is on: {_gib(plain)} at the peak of a step predicted without it, {_gib(asis)} with it, and "
            f"the device has {room / GIB:.1f} GiB"
        )
    elif asis["peak"] > room / 2:
        off = f", so {SETTING} is off" if auto else ""
        yield f"{_gib(asis)} at the peak of a step predicted, the device has {room / GIB:.1f} GiB{off}"
    if not asis["fits"]:
        yield f"by that count it does not fit; {remedy(tries)}"


def remedy(tries: list[dict]) -> str:
    """Return what to set where a run does not fit, by what was tried last."""
    last = tries[-1]
    changes = ", ".join(f'"{key}": {json.dumps(value)}' for key, value in last["changes"].items())
    return f"set {changes}: {_gib(last)} then" if last["fits"] else f"not even {changes} makes it fit"


def _small(configs, room):
    folder = Path(str(configs["vlm"].get("pretrained_model_name_or_path")))
    weights = sum(each.stat().st_size for kind in ("*.safetensors", "*.bin") for each in folder.glob(kind))
    sizes = configs["batch_size"] if isinstance(configs["batch_size"], list) else [configs["batch_size"]]
    return 0 < weights * max(sizes) < room / SMALL


def _gib(counted):
    return f"{counted['peak'] / GIB:.1f} GiB"
