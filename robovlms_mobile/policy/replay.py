"""Show a policy pictures one by one and take out every value on the way from a picture to a velocity."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from robovlms_mobile.data.prompt import tokens
from robovlms_mobile.policy.mobile import MobilePolicy
from robovlms_mobile.policy.stepping import FrameByFrame


class Watched(FrameByFrame):
    """Keeps what it is shown and what the head says to it."""

    def __init__(self, *given: Any):
        self.planes: list[Tensor] = []
        self.said: list[Tensor] = []
        super().__init__(*given)

    @property
    def ids(self) -> Tensor:
        """The prompt's tokens, (L,)."""
        return self._text[0][0].cpu()

    def predicted(self, planes: Tensor) -> np.ndarray:
        """As of any stepper."""
        found = super().predicted(planes)
        self.planes.append(planes[0])
        self.said.append(torch.from_numpy(found[0].copy()))
        return found


class _Heard:
    """A tokenizer that remembers the text it is given."""

    def __init__(self, tokenizer):
        self._tokenizer, self.texts = tokenizer, []

    def __call__(self, texts, *given, **options):
        self.texts += [texts] if isinstance(texts, str) else list(texts)
        return self._tokenizer(texts, *given, **options)

    def __getattr__(self, name):
        return getattr(self._tokenizer, name)


def replay(policy: MobilePolicy, pictures: Sequence[np.ndarray], instruction: str) -> tuple[dict[str, Tensor], str]:
    """Return (values, prompt) as `Golden` has them, of an episode's first pictures, each (H, W, 3) uint8 RGB."""
    loaded = policy._loaded
    stepper = Watched(loaded.model, loaded.configs, policy.stepper.lock)
    session, pixels, actions = MobilePolicy(loaded, False, policy.execute, stepper), [], []

    def take(module, positional, named):
        shown = named.get("pixel_values", positional[0] if positional else None)
        pixels.append(shown.detach().float().cpu().reshape(-1, *shown.shape[-3:])[-1])

    with warnings.catch_warnings(), loaded.model.vision_tower.register_forward_pre_hook(take, with_kwargs=True):
        warnings.simplefilter("ignore")  # of an instruction that validation alone says
        session.reset(instruction)
        actions = [session.infer({"image": each})["actions"] for each in pictures]
    heard = _Heard(loaded.model.tokenizer)
    tokens(heard, stepper.prompt, [instruction])
    values = {
        "planes": torch.stack(stepper.planes),
        "pixels": torch.stack(pixels).half(),
        "ids": stepper.ids,
        "predicted": torch.stack(stepper.said),
        "actions": torch.from_numpy(np.stack(actions)),
    }
    return values, heard.texts[-1]
