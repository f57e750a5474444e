"""A trained policy as a robot would run it: frames in, one after the other, velocities out. On the run's own model."""

import contextlib
import io
import json
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from robovlms_mobile.adapters.reading import POLICY
from robovlms_mobile.data.block import action_space
from robovlms_mobile.data.images import ImageTransform
from robovlms_mobile.errors import CheckpointError
from robovlms_mobile.launch.noise import quiet_libraries
from robovlms_mobile.options import real_dims

RECORD = "run.json"


class TrainedPolicy:
    """The policy of an adapter folder or a run's folder (its `best`), for any number of drives at once.

    Each drive's prediction is the same as alone. Call `reset` at the start of an episode, then `act` frame by frame.

    Args:
        path: the folder; run.json of its run says how the model was built.
        root: the RoboVLMs checkout.

    Attributes:
        run: the run's folder.
        configs: its config.

    Raises:
        CheckpointError: no run.json, or adapters that cannot be used.
    """

    def __init__(self, path: str | Path, root: str | Path):
        self.run = run_of(Path(path))
        self.folder = Path(path) if (Path(path) / POLICY).is_file() else self.run  # of a run: its best
        self.configs = json.loads((self.run / RECORD).read_text(encoding="utf-8"))["config"]
        self.space = action_space(self.configs, real_dims(self.configs))
        self.transform = ImageTransform(self.configs["image_size"])
        self.module = _build(self.configs, root, self.folder)
        self._text: tuple = ()

    def reset(self, instructions: list[str]) -> None:
        """Start an episode in each drive. instructions: n strings."""
        from robovlms.data.data_utils import get_text_function

        model = self.module.model
        name = self.configs["tokenizer"].get("tokenizer_type") or self.configs["model"]
        self._text = get_text_function(model.tokenizer, name)(list(instructions))
        model.act_head.reset()

    @torch.no_grad()
    def act(self, frames: list[np.ndarray]) -> np.ndarray:
        """Return what to do from the frames seen now.

        Args:
            frames: n pictures, (H, W, 3) uint8 RGB, of any size: they are resized as in training.

        Returns:
            (n, N, D) float64: the next N velocities of each drive's D real dims, m/s and rad/s.
        """
        planes = np.stack([self.transform.resize(Image.fromarray(frame)) for frame in frames])
        return self.act_on_planes(torch.from_numpy(planes))

    @torch.no_grad()
    def act_on_planes(self, planes: torch.Tensor) -> np.ndarray:
        """As `act`, from pictures that are resized already: (n, 3, S, S) uint8."""
        predicted = self.module.model.inference(planes[:, None], *self._text)["action"]
        arm = predicted[0] if isinstance(predicted, tuple | list) else predicted
        arm = arm.reshape(len(planes), -1, *arm.shape[-2:])[:, -1]  # (n, N, 6)
        return self.space.decode(arm.numpy())


def run_of(folder: Path) -> Path:
    """Return the folder of the run that a folder is, or is in; of a folder of runs the newest.

    Raises:
        CheckpointError: no run.json there.
    """
    for place in (folder, folder.parent):
        if (place / RECORD).is_file():
            return place
    found = list(folder.rglob(RECORD)) if folder.is_dir() else []
    if found:
        return max(found, key=lambda path: path.stat().st_mtime).parent
    raise CheckpointError(
        f"{folder} has no {RECORD}, nor has the folder it is in: expected a run's folder or an adapter folder in it. "
        "Copy the adapters together with the run.json of their run."
    )


def _build(configs, root, folder):
    """Upstream's module with the trained weights in it, in evaluation mode. What upstream prints is left out."""
    import robovlms_mobile

    robovlms_mobile.register()
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    with quiet_libraries(), contextlib.redirect_stdout(io.StringIO()):
        from robovlms.train.base_trainer import BaseTrainer

        from robovlms_mobile.training.resume.earlier import load

        module = BaseTrainer(configs=configs)
        load(module, folder)
    return module.eval()
