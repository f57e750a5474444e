"""Write the golden frames of a run's policy: the first frames of an episode it was validated on, and what it says."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from robovlms_mobile.adapters.export import adapter_folder
from robovlms_mobile.data.hdf5.frames import read_frames
from robovlms_mobile.data.instructions import instruction_for
from robovlms_mobile.errors import DataError, ModelError, PolicyError
from robovlms_mobile.evaluation.run_data import block_of, episodes_of
from robovlms_mobile.model.few_bits import to_few_bits
from robovlms_mobile.options import BITS
from robovlms_mobile.policy import MobilePolicy
from robovlms_mobile.policy.building import load_folder
from robovlms_mobile.policy.golden import Golden, state_of, write_golden
from robovlms_mobile.policy.replay import replay
from robovlms_mobile.runs import config_of, newest_run
from robovlms_mobile.versions import versions

FRAMES = 6
MOST = 0.2  # m/s: further off training's own predictions than half precision explains


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        folder: the adapter folder.
        episode: whose first frames they are.
        bytes: of both files.
        from_training: max |Δ| from what training predicted for the same frames, m/s; None where it did not say.
    """

    folder: Path
    episode: str
    bytes: int
    from_training: float | None


def write_frames(path: str | Path, which: str | None = None, base: str | Path | None = None, **loading: Any) -> Written:
    """Write golden frames into an adapter folder, where its run and its episodes are at hand.

    Args:
        path: a run's folder (its best), or an adapter folder in it.
        which: best, last, epoch-0010, … of the run.
        base: the base model's folder; None takes the run's.
        loading: device, dtype, root: see `building.load_folder`.

    Raises:
        CheckpointError: no run, or no adapters.
        PolicyError: they do not predict what training predicted.
        DataError: the run's episodes are not there.
    """
    run, folder = newest_run(path), adapter_folder(path, which)
    configs = config_of(run)
    base = base or configs["vlm"]["pretrained_model_name_or_path"]
    loaded = load_folder(folder, base=base, **loading)
    policy = MobilePolicy(loaded, strict=False)
    told = loaded.adapters.metrics.get("predicted") or {}
    episode, block = _episode(configs, run, told.get("episode")), block_of(configs)
    instruction = instruction_for(episode, block.instruction)
    pictures = list(read_frames(episode, range(min(FRAMES, episode.length)), block.color_order))
    values, prompt = replay(policy, pictures, instruction)
    off = _off(_as_trained(loaded, configs, values, pictures, instruction), told.get("actions"))
    if off is not None and off > MOST:
        raise PolicyError(
            f"{folder} does not predict what training predicted for {episode.name}: velocities differ by up to "
            f"{off:.2g} m/s, and precision explains {MOST:g} at most. No golden frames were written.",
            "Check that base model, checkout and package versions are those of the run: run.json beside the folder.",
        )
    about = {"episode": episode.name, "instruction": instruction, "prompt": prompt, "versions": versions()}
    about |= {"device": policy.metadata["device"], "from_training": off}
    size = write_golden(folder, Golden(pictures, values, about, state_of(loaded.adapters, base)))
    return Written(folder, episode.name, size, off)


def _episode(configs, run, name):
    """Return the validation episode that training has noted predictions of, else the first."""
    validation = episodes_of(configs, run)[1]
    if not validation:
        raise DataError(f"The validation episodes of {run} are not there, and golden frames are of one of them.")
    return next((each for each in validation if each.name == name), validation[0])


def _as_trained(loaded, configs, values, pictures, instruction):
    """Return the actions of a policy whose base model is in as few bits as it was in training; it stays so.

    None where this machine cannot have it so.
    """
    if (bits := configs["train_setup"].get("bits")) in BITS:
        try:
            to_few_bits(loaded.model.backbone, bits)
        except ModelError:
            return None
        values, _ = replay(MobilePolicy(loaded, strict=False), pictures, instruction)
    return values["actions"].numpy()


def _off(actions, predicted):
    """Return max |Δ| over the frames that both have, None where one is not known."""
    if actions is None or predicted is None:
        return None
    noted = np.asarray(predicted)
    count = min(len(noted), len(actions))
    return float(np.abs(noted[:count] - actions[:count]).max())
