"""What goes to the policy and what comes back: plain values, so that they can pass between processes."""

from dataclasses import dataclass
from enum import Enum

import numpy as np


@dataclass(frozen=True)
class Frame:
    """One picture of the camera.

    Attributes:
        image: its bytes, rows without padding.
        encoding: "rgb8", "bgr8", "mono8", "jpeg" or "png"; another one is refused when the picture is made.
        height, width: pixels, None where the bytes say it themselves.
        stamp: seconds, when it was taken, by the camera's clock.
        age: seconds since it was taken, when it arrived; below 0 where the clocks disagree.
    """

    image: bytes
    encoding: str
    height: int | None = None
    width: int | None = None
    stamp: float | None = None
    age: float = 0.0


@dataclass(frozen=True)
class Job:
    """What the policy is asked: the action for this frame. `fresh` forgets the frames before it first."""

    frame: Frame
    instruction: str
    fresh: bool


class Kind(Enum):
    """What an answer is."""

    ACTION = "action"
    BAD_FRAME = "bad frame"
    REFUSED = "refused"  # the instruction
    FAILED = "failed"
    GONE = "gone"  # there is no policy any more


@dataclass(frozen=True)
class Answer:
    """What came of asking the policy.

    Attributes:
        action: (D,) m/s and rad/s, of an ACTION.
        text: what is wrong, of the others.
        seconds: what the policy took.
    """

    kind: Kind
    action: np.ndarray | None = None
    text: str = ""
    seconds: float = 0.0

    @classmethod
    def failed(cls, error: Exception) -> "Answer":
        """Return the answer that an error is."""
        return cls(Kind.FAILED, text=f"{type(error).__name__}: {error}")


@dataclass(frozen=True)
class Facts:
    """What the node must know of a policy.

    Attributes:
        dims: names of the D action dims.
        low, high: m/s and rad/s that it was trained within.
        period: seconds from a recorded frame to the next, None where the contract does not say.
        shown: what diagnostics show: folder, hash, device, ….
    """

    dims: tuple[str, ...]
    low: float
    high: float
    period: float | None
    shown: dict[str, str]
