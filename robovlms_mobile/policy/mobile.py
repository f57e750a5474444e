"""`MobilePolicy`: an adapter folder as a robot uses it, a dict in and a dict out. See the room's `__init__`."""

import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from robovlms_mobile.errors import PolicyError
from robovlms_mobile.policy.building import Loaded, load_folder
from robovlms_mobile.policy.camera_input import picture
from robovlms_mobile.policy.expectations import Expectations
from robovlms_mobile.policy.stepping import FrameByFrame
from robovlms_mobile.versions import versions


class MobilePolicy:
    """One robot's policy. Frames of one episode, in order; `reset` starts the next.

    Preprocessing is the training's own code: any picture goes in as the camera gives it. Of earlier frames the head's
    features are kept, so that a step costs one frame's work and predicts what recomputing the window would predict.

    Args:
        loaded: the model, see `building.load_folder`.
        strict: refuse instructions that were never trained; else they are warned of.
        execute: how many actions of a chunk `select_action` drives before it asks again; None takes the contract's.

    Attributes:
        dims: names of the D action dims, e.g. ["linear_x", "linear_y"].
        metadata: contract with its hash, versions, device, dtype and what is unknown, for JSON.
        expectations: what the recordings were like.
    """

    def __init__(self, loaded: Loaded, strict: bool = True, execute: int | None = None, stepper: Any = None):
        contract = loaded.adapters.contract
        self._loaded, self._strict = loaded, strict
        self.stepper = stepper or FrameByFrame(loaded.model, loaded.configs)
        self.expectations = Expectations.of(contract)
        self.dims = list(self.stepper.space.real_dims)
        self.execute = contract.get("execute", 1) if execute is None else execute
        chunk = loaded.configs["fwd_pred_next_n"]
        if type(self.execute) is not int or not 1 <= self.execute <= chunk:
            raise PolicyError(f"execute is {self.execute!r}, expected 1 to {chunk}, the actions of a chunk.")
        self._instruction: str | None = None
        self.reset()

    @classmethod
    def from_pretrained(
        cls,
        folder: str | Path,
        *,
        device: Any = None,
        dtype: Any = None,
        base: str | Path | None = None,
        strict: bool = True,
        root: str | Path | None = None,
        execute: int | None = None,
    ) -> "MobilePolicy":
        """Load an adapter folder, or one that `export --merge` wrote.

        Args:
            folder: what training wrote as `best/`, or what `robovlms-mobile export` wrote.
            device, dtype, base, root: see `building.load_folder`.
            strict, execute: see the class.

        Raises:
            CheckpointError: the folder is damaged, incomplete, or was trained on another base model.
            ModelError: the base model cannot be loaded.
            CheckoutError: no RoboVLMs checkout.
        """
        loaded = load_folder(folder, device=device, dtype=dtype, base=base, root=root)
        return cls(loaded, strict, execute)

    def session(self) -> "MobilePolicy":
        """Return another robot's policy on the same weights, with a history of its own. One step at a time."""
        stepper = FrameByFrame(self._loaded.model, self._loaded.configs, self.stepper.lock)
        return MobilePolicy(self._loaded, self._strict, self.execute, stepper)

    @property
    def metadata(self) -> dict:
        """What a robot, a server or a log should know of this policy: a dict of primitives."""
        parameter = next(self._loaded.model.parameters())
        return {
            "folder": str(self._loaded.adapters.folder),
            "contract": self._loaded.adapters.contract,
            "hash": self._loaded.adapters.contract.get("hash"),
            "versions": versions(),
            "device": str(parameter.device),
            "dtype": self._loaded.precision,
            "dims": self.dims,
            "execute": self.execute,
            "unknown": self.expectations.unknown,
        }

    def reset(self, instruction: str | None = None) -> None:
        """Start an episode: forget the frames before. Without an instruction the last one stays.

        Raises:
            PolicyError: an instruction that is no text, or that was never trained.
        """
        self._warned: set[str] = set()
        self._notes: list[str] = []
        if instruction is not None:
            self._note(self.expectations.instruction(instruction, self._strict))
            self._instruction = instruction
        if self._instruction is not None:
            self.stepper.reset([self._instruction])
        self._stamp: float | None = None
        self._queue: list[np.ndarray] = []  # actions of the last chunk that are still to be driven, each (D,)
        self._unseen: list[torch.Tensor] = []  # frames since the last chunk, each (3, S, S) uint8

    def infer(self, observation: dict) -> dict:
        """Return the next actions from the frame of now.

        Args:
            observation: "image": (H, W, 3) uint8 RGB, a PIL image, or bytes with "encoding" ("rgb8", "bgr8", "mono8"
                with "height" and "width"; "jpeg", "png"); "instruction": optional after `reset`, another one than
                before starts an episode; "stamp": seconds, when the frame was taken, optional.

        Returns:
            "actions": (N, D) float32, m/s and rad/s, the first one for now; "dims": D names;
            "policy_timing": {"infer_ms": …}; "warnings": what differs from the recordings, sentences.

        Raises:
            PolicyError: unfit input, or an answer that is not finite. There is no action then, and the frame is not
                remembered.
        """
        started = time.perf_counter()
        planes = self._seen(observation)
        self._queue = []
        actions = self._asked(planes)
        taken = 1000 * (time.perf_counter() - started)
        notes, self._notes = self._notes, []
        return {"actions": actions, "dims": self.dims, "policy_timing": {"infer_ms": taken}, "warnings": notes}

    def select_action(self, observation: dict) -> np.ndarray:
        """Return the action for now, (D,) float32 in m/s and rad/s. Asks again when `execute` of a chunk are driven.

        Every frame belongs in here, also while a chunk is being driven: those go into the history when the model is
        asked again, so that the head sees frames as far apart as in training.

        Raises:
            PolicyError: as `infer`.
        """
        planes = self._seen(observation)
        if self._queue:
            self._unseen.append(planes)
        else:
            self._queue = list(self._asked(planes)[: self.execute])
        return self._queue.pop(0)

    def _asked(self, planes):
        """Return (N, D) float32 after taking in the frames that were not asked about."""
        before, window = self.stepper.memory, self._loaded.configs["window_size"]
        try:
            for earlier in self._unseen[max(0, len(self._unseen) - window + 1) :]:
                self.stepper.act_on_planes(earlier[None])
            actions = self.stepper.act_on_planes(planes[None])[0].astype(np.float32)
            _refuse_no_numbers(actions)
        except BaseException:
            self.stepper.memory = before
            raise
        self._unseen = []
        return actions

    def _seen(self, observation):
        """Return a frame as (3, S, S) uint8; what it says of instruction, size and time is taken in."""
        if not isinstance(observation, dict) or observation.get("image") is None:
            raise PolicyError("The observation has no image, expected a dict with 'image' and 'instruction'.")
        stamp = _seconds(observation.get("stamp"))
        image = picture(*(observation.get(name) for name in ("image", "encoding", "height", "width")))
        instruction = observation.get("instruction")
        if instruction is not None and instruction != self._instruction:
            self.reset(instruction)
        if self._instruction is None:
            raise PolicyError(
                "No instruction is set.", "Put 'instruction' into the observation, or call reset(instruction)."
            )
        self._note(self.expectations.picture(*image.size))
        if stamp is not None:
            self._note(None if self._stamp is None else self.expectations.interval(stamp - self._stamp), "interval")
            self._stamp = stamp
        return torch.from_numpy(self.stepper.transform.resize(image))

    def _note(self, sentence, kind=None):
        """Warn of something once an episode; each result says what was new at it."""
        if sentence and (kind or sentence) not in self._warned:
            self._warned.add(kind or sentence)
            self._notes.append(sentence)
            warnings.warn(sentence, stacklevel=4)


def _refuse_no_numbers(actions):
    if not np.isfinite(actions).all():
        raise PolicyError(
            f"The policy answers {np.count_nonzero(~np.isfinite(actions))} values that are no numbers (NaN or "
            "infinite). There is no action: stop the robot.",
            "Check the folder: robovlms-mobile verify ADAPTERS. In fp16 try bf16 or fp32.",
        )


def _seconds(stamp):
    if stamp is not None and (isinstance(stamp, bool) or not isinstance(stamp, int | float) or not np.isfinite(stamp)):
        raise PolicyError(f"stamp is {stamp!r}, expected seconds as a number.")
    return stamp
