"""A trained policy as a robot would run it: frames in, one after the other, velocities out. On the run's own model."""

import contextlib
import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from robovlms_mobile.adapters.reading import POLICY
from robovlms_mobile.data.block import action_space
from robovlms_mobile.data.images import ImageTransform
from robovlms_mobile.errors import CheckpointError
from robovlms_mobile.launch.noise import quiet_libraries
from robovlms_mobile.options import real_dims
from robovlms_mobile.training.resume.folders import RECORD

if TYPE_CHECKING:
    from torch.nn import Module


class FrameByFrame:
    """Upstream's module asked once a frame, as a robot asks it, for any number of drives at once.

    Each drive's prediction is the same as alone, and the same that training makes from the same frames: the head sees
    those since `reset`, at most the last window_size of them.

    Args:
        module: upstream's, in evaluation mode.
        configs: the config it was built from.

    Raises:
        CheckpointError: a backbone with a transform of its own.
    """

    def __init__(self, module: "Module", configs: dict):
        self.module, self.configs = module, configs
        self.space = action_space(configs, real_dims(configs))
        self.transform = module.model.image_processor
        if not isinstance(self.transform, ImageTransform):
            raise CheckpointError(
                f"{configs['robovlm_name']} makes its own pixels of a frame, which the plugin does not: expected a "
                "backbone with CLIP's transform, e.g. RoboKosMos."
            )
        self._device = next(module.parameters()).device
        self._text: tuple = ()

    def reset(self, instructions: list[str]) -> None:
        """Start an episode in each drive. instructions: n strings."""
        from robovlms.data.data_utils import get_text_function

        model = self.module.model
        name = self.configs["tokenizer"].get("tokenizer_type") or self.configs["model"]
        text = get_text_function(model.tokenizer, name)(list(instructions))
        self._text = tuple(each.to(self._device) for each in text)
        _forget(model.act_head)

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
        predicted = self.module.model.inference(planes[:, None].to(self._device), *self._text)["action"]
        arm = predicted[0] if isinstance(predicted, tuple | list) else predicted
        arm = arm.reshape(len(planes), -1, *arm.shape[-2:])[:, -1]  # (n, N, 6)
        return self.space.decode(arm.float().cpu().numpy())


class TrainedPolicy(FrameByFrame):
    """The policy of an adapter folder or a run's folder (its `best`), on the GPU where there is one.

    Args:
        path: the folder; run.json of its run says how the model was built.
        root: the RoboVLMs checkout.

    Attributes:
        run: the run's folder.
        folder: the adapters', or the run's.
        configs: the run's config.

    Raises:
        CheckpointError: no run.json, adapters that cannot be used, or a backbone with a transform of its own.
    """

    def __init__(self, path: str | Path, root: str | Path):
        self.run = run_of(Path(path))
        self.folder = Path(path) if (Path(path) / POLICY).is_file() else self.run  # of a run: its best
        configs = json.loads((self.run / RECORD).read_text(encoding="utf-8"))["config"]
        super().__init__(_build(configs, root, self.folder), configs)


def _forget(head):
    """Start an episode in a policy head. Upstream's GPT head has a memory, but no `reset` as the LSTM head has."""
    if hasattr(head, "reset"):
        head.reset()
    elif hasattr(head, "history_memory"):
        head.history_memory = []


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
    return module.eval().to("cuda" if torch.cuda.is_available() else "cpu")
