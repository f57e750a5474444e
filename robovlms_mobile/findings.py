"""One observation about a config or a machine, with what to do about it. A plain value, nothing else."""

from dataclasses import asdict, dataclass

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

    def __post_init__(self):
        if self.level not in LEVELS:
            raise ValueError(f"level is {self.level!r}, expected one of {LEVELS}")

    @classmethod
    def from_error(cls, error, where):
        """Return an error finding for one of the package's errors: its last sentence, the next step, is the fix."""
        what, _, fix = str(error).rpartition(". ")
        return cls("error", what, where, fix) if what else cls("error", fix, where)

    def as_dict(self):
        """Return the four fields as a dict of strings, for JSON."""
        return asdict(self)
