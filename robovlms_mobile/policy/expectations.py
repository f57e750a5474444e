"""What the recordings were like, and how far what a robot is shown and told may differ from them."""

from dataclasses import dataclass
from typing import Any

from robovlms_mobile.data.unknown import closest
from robovlms_mobile.errors import PolicyError

ASPECT = 0.01  # how much wider or higher a picture may be, relative
PERIOD = 0.25  # how far beyond the recorded periods an interval may lie, relative


@dataclass(frozen=True)
class Expectations:
    """Out of a contract; None where it does not say.

    Attributes:
        instructions: sentence → episodes it was trained with.
        size: (width, height) of the recorded frames, pixels.
        period: (shortest, longest) seconds from a frame to the next, the middle 90 % of the recordings.
    """

    instructions: dict[str, int] | None
    size: tuple[int, int] | None
    period: tuple[float, float] | None

    @classmethod
    def of(cls, contract: dict) -> "Expectations":
        """Read them out of a contract."""
        recorded = contract.get("image", {}).get("recorded_size")
        period = contract.get("period") or {}
        known = period.get("low") is not None and period.get("high") is not None
        return cls(
            contract.get("instructions"),
            tuple(recorded) if recorded else None,
            (period["low"], period["high"]) if known else None,
        )

    @property
    def unknown(self) -> list[str]:
        """Names of what the contract does not say, and which is therefore not looked at."""
        names = {"instructions": self.instructions, "recorded size": self.size, "frame period": self.period}
        return [name for name, value in names.items() if value is None]

    def instruction(self, text: Any, strict: bool) -> str | None:
        """Return a sentence about an instruction that was never trained, with the nearest one; None where it was.

        Raises:
            PolicyError: no text; with `strict`, one that was never trained.
        """
        if not isinstance(text, str) or not text.strip():
            raise PolicyError(f"instruction is {text!r}, expected a sentence, one that was trained.")
        if self.instructions is None or text.strip() in {each.strip() for each in self.instructions}:
            return None
        near = closest(text, self.instructions) or next(iter(self.instructions), None)
        said = f"The instruction {text!r} was never trained; the nearest of {len(self.instructions)} is {near!r}."
        if strict:
            raise PolicyError(said, "Say that one, or take strict=False to try.")
        return said

    def picture(self, width: int, height: int) -> str | None:
        """Return a sentence about a picture of another shape than the recordings; None where it is as they are."""
        if self.size is None or (width, height) == self.size:
            return None
        recorded = self.size[0] / self.size[1]
        if abs(width / height / recorded - 1) > ASPECT:
            return (
                f"The picture is {width} x {height}, the recordings were {self.size[0]} x {self.size[1]}: another "
                "aspect, so all in it is squeezed differently than in training."
            )
        return f"The picture is {width} x {height}, the recordings were {self.size[0]} x {self.size[1]}."

    def interval(self, seconds: float) -> str | None:
        """Return a sentence about the time since the frame before, where it is not as recorded; None where it is."""
        if seconds <= 0:
            return f"The frame is {-seconds:.2f} s older than the one before, or the same: expected a new one."
        if self.period is None:
            return None
        low, high = self.period[0] / (1 + PERIOD), self.period[1] * (1 + PERIOD)
        if low <= seconds <= high:
            return None
        return (
            f"Frames are {seconds:.2f} s apart, the recordings' {self.period[0]:.2f} to {self.period[1]:.2f} s "
            f"(allowed are {low:.2f} to {high:.2f} s): the history that the head sees has another speed."
        )
