"""One observation about a config or a machine, with what to do about it. A plain value, nothing else."""

from dataclasses import asdict, dataclass

from robovlms_mobile.errors import MobileError

OK, WARN, ERROR = LEVELS = ("ok", "warn", "error")


@dataclass(frozen=True)
class Finding:
    """What a check saw.

    Args:
        level: "ok", "warn" (a run works, perhaps not as meant) or "error" (it fails, or trains on the wrong thing).
        what: what is so, in one sentence.
        where: the key, file, package or folder it is about.
        fix: what to do, "" when there is nothing to do.
    """

    level: str
    what: str
    where: str
    fix: str = ""

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise ValueError(f"level is {self.level!r}, expected one of {LEVELS}")

    @classmethod
    def from_error(cls, error: MobileError, where: str) -> "Finding":
        """Return an error finding for one of the package's errors, with that error's fix."""
        return cls("error", error.what.removesuffix("."), where, error.fix)

    def as_dict(self) -> dict[str, str]:
        """Return the four fields, for JSON."""
        return asdict(self)
