"""Upstream's model asked once a frame, as a robot asks it: one frame's work a step, the head's history kept."""

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

from robovlms_mobile.data.block import action_space
from robovlms_mobile.data.images import ImageTransform
from robovlms_mobile.data.prompt import tokens
from robovlms_mobile.errors import CheckpointError
from robovlms_mobile.options import real_dims

if TYPE_CHECKING:
    from torch.nn import Module

MEMORY = ("history_memory", "hidden_state")  # where upstream's heads keep the frames before


class FrameByFrame:
    """Any number of drives side by side. Each one's prediction is the same as alone, and that of training's forward.

    The head sees the frames since `reset`, at most the last window_size of them, as in the windows it was trained on.

    Args:
        model: upstream's backbone with its head, in evaluation mode.
        configs: the config it was built from.
        lock: of the model, where several steppers share one.

    Attributes:
        space: what the head's numbers mean in m/s and rad/s.
        transform: what makes of a picture what the model is shown.
        prompt: upstream's name of the text around an instruction.
        memory: what the head keeps of the frames before; may be kept and put back.

    Raises:
        CheckpointError: a backbone with a transform of its own, or one whose frames do not pass it one by one.
    """

    def __init__(self, model: "Module", configs: dict, lock: Any = None):
        self.model, self.configs = model, configs
        self.space = action_space(configs, real_dims(configs))
        self.transform = model.image_processor
        _refuse_others(self.transform, configs)
        self.lock = lock or threading.Lock()
        self.prompt = configs["tokenizer"].get("tokenizer_type") or configs["model"]
        self.memory: dict[str, Any] = {}
        self._device = next(model.parameters()).device
        self._text: tuple = ()

    def reset(self, instructions: list[str]) -> None:
        """Start an episode in each drive. instructions: n strings."""
        found = tokens(self.model.tokenizer, self.prompt, list(instructions))
        self._text = tuple(each.to(self._device) for each in found)
        head = self.model.act_head
        with self.lock:
            if hasattr(head, "reset"):
                head.reset()
            elif hasattr(head, "history_memory"):  # upstream's GPT head has a memory, but no `reset`
                head.history_memory = []
            self.memory = _taken(head)

    def act(self, frames: list[np.ndarray]) -> np.ndarray:
        """Return what to do from the frames seen now.

        Args:
            frames: n pictures, (H, W, 3) uint8 RGB, of any size: they are resized as in training.

        Returns:
            (n, N, D) float64: the next N velocities of each drive's D real dims, m/s and rad/s.
        """
        planes = np.stack([self.transform.resize(Image.fromarray(frame)) for frame in frames])
        return self.act_on_planes(torch.from_numpy(planes))

    def act_on_planes(self, planes: torch.Tensor) -> np.ndarray:
        """As `act`, from pictures that are resized already: (n, 3, S, S) uint8. Nothing is remembered of a failure."""
        return self.space.decode(self.predicted(planes))

    @torch.no_grad()
    def predicted(self, planes: torch.Tensor) -> np.ndarray:
        """As `act_on_planes`, what the head says of it: (n, N, 6) in [-1, 1], the real dims first."""
        head = self.model.act_head
        with self.lock:
            for name, value in self.memory.items():
                setattr(head, name, list(value) if isinstance(value, list) else value)
            predicted = self.model.inference(planes[:, None].to(self._device), *self._text)["action"]
            self.memory = _taken(head)
        arm = predicted[0] if isinstance(predicted, tuple | list) else predicted
        return arm.reshape(len(planes), -1, *arm.shape[-2:])[:, -1].float().cpu().numpy()


def _taken(head):
    return {name: getattr(head, name) for name in MEMORY if hasattr(head, name)}


def _refuse_others(transform, configs):
    if not isinstance(transform, ImageTransform):
        raise CheckpointError(
            f"{configs['robovlm_name']} makes its own pixels of a frame, which the plugin does not: expected a "
            "backbone with CLIP's transform, e.g. RoboKosMos."
        )
    kind = configs["act_head"].get("history_type", "post")
    if kind != "post":
        raise CheckpointError(
            f"act_head.history_type is {kind!r}: its frames pass the model together, so it cannot be asked frame by "
            "frame. Expected 'post'."
        )
