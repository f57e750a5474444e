"""The node's ROS parameters: names, defaults, what fits and what it means. The one place that knows; needs no ROS."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from robovlms_mobile.data.names import Rules as Fits
from robovlms_mobile.data.names import check_values
from robovlms_mobile.errors import ConfigError
from robovlms_mobile.ros.exchange import Facts
from robovlms_mobile.ros.guard import Rules
from robovlms_mobile.ros.limits import Limits

LEAST_PUBLISHED = 5.0  # Hz: fewer commands a second are no watchdog


@dataclass(frozen=True)
class Parameters:
    """See RULES for what fits; docs/on-your-robot.md says what each means.

    Raises:
        ConfigError: values that do not fit, all of them.
    """

    image_topic: str = "/camera/image_raw"
    transport: str = "raw"
    cmd_topic: str = "/cmd_vel"
    instruction: str = ""
    rate: float = 0.0
    publish_rate: float = 20.0
    max_linear_x: float = 0.5
    max_linear_y: float = 0.5
    max_angular_z: float = 1.0
    max_linear_acceleration: float = 0.0
    max_angular_acceleration: float = 0.0
    timeout: float = 0.5
    max_age: float = 0.5
    repeats: int = 3
    late: float = 0.0
    life: float = 0.0
    pulse: float = 0.0
    execute: int = 0
    device: str = ""
    dtype: str = ""
    strict: bool = True
    stop_with_parent: bool = True

    def __post_init__(self) -> None:
        check_values(vars(self), RULES, "ROS parameters")

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Parameters":
        """Take them as ROS gives them: a whole number also where one with a fraction is meant."""
        floats = {each.name for each in fields(cls) if isinstance(each.default, float)}
        taken: dict[str, Any] = dict(given)
        for name in floats & taken.keys():
            if type(taken[name]) is int:
                taken[name] = float(taken[name])
        return cls(**taken)

    def rules(self, facts: Facts) -> Rules:
        """Return when the robot stands, with what the policy's recordings say where a parameter does not.

        Raises:
            ConfigError: no rate is given, and the recordings' is not known; times that contradict each other.
        """
        if not self.rate and not facts.period:
            raise ConfigError(
                "rate is not given, and contract.json does not say how far apart the recorded frames are.",
                "Give the rate of the recordings in frames a second: --ros-args -p rate:=2.0",
            )
        period = 1 / self.rate if self.rate else float(facts.period or 0)
        late, life = self.late or period, self.life or 1.5 * period
        if self.pulse > life:
            raise ConfigError(f"pulse is {self.pulse} s, expected no longer than life, {life:.2f} s.")
        return Rules(period, self.timeout, self.max_age, self.repeats, late, life, self.pulse)

    @property
    def limits(self) -> Limits:
        """How fast the robot may go, and how soon."""
        along, about = self.max_linear_acceleration, self.max_angular_acceleration
        return Limits((self.max_linear_x, self.max_linear_y, self.max_angular_z), (along, along, about))


def _number(least, most):
    return lambda value: isinstance(value, float) and least <= value <= most


def _count(value):
    return type(value) is int and 0 <= value <= 1000


def _text(value):
    return isinstance(value, str) and bool(value)


SPEED = (_number(1e-3, 10.0), "m/s or rad/s from 0.001 to 10")
FROM_ZERO = (_number(0.0, 100.0), "m/s² or rad/s² up to 100, 0 for no limit")
SECONDS = (_number(0.02, 60.0), "seconds from 0.02 to 60")
MAYBE = (_number(0.0, 60.0), "seconds up to 60")
ANY = (lambda value: isinstance(value, str), "a text")
YES_NO = (lambda value: isinstance(value, bool), "true or false")
RULES: Fits = {
    "image_topic": (_text, "a topic"),
    "transport": (("raw", "compressed").__contains__, '"raw" or "compressed"'),
    "cmd_topic": (_text, "a topic"),
    "instruction": ANY,
    "rate": (_number(0.0, 100.0), "actions a second up to 100, 0 for the recordings' rate"),
    "publish_rate": (_number(LEAST_PUBLISHED, 200.0), f"commands a second from {LEAST_PUBLISHED:g} to 200"),
    **dict.fromkeys(("max_linear_x", "max_linear_y", "max_angular_z"), SPEED),
    **dict.fromkeys(("max_linear_acceleration", "max_angular_acceleration"), FROM_ZERO),
    **dict.fromkeys(("timeout", "max_age"), SECONDS),
    "repeats": (_count, "how often in a row a frame may come, 0 for any number"),
    **dict.fromkeys(("late", "life", "pulse"), MAYBE),
    "execute": (_count, "actions of a chunk, 0 for what the adapters say"),
    **dict.fromkeys(("device", "dtype"), ANY),
    **dict.fromkeys(("strict", "stop_with_parent"), YES_NO),
}
