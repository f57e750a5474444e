"""What to say and do about a decoded file that cannot be used: its episode is decoded whenever it is read."""

import warnings
from contextlib import suppress
from pathlib import Path

REFUSED = (
    "If it is another user's, ask them for chmod -R a+rX {folder}, or name a place of your own in the config: "
    '"mobile": {{"frames": {{"dir": "FOLDER"}}}}. If too many files are open, allow more: ulimit -n 4096.'
)
# Measured on 720p files of the collector's kind, windows of 4 frames; the span is from synthetic to real pictures.
COST = "each of its windows then costs 0.1 to 0.4 s of CPU instead of under 1 ms."


def give_up(path: Path, episode: str, error: Exception, silent: bool) -> None:
    """Remove a decoded file whose content is wrong, and warn.

    Args:
        path: the decoded file.
        episode: name of its episode.
        error: OSError where the file cannot be opened, by this user or just now: no word on its content, it stays.
        silent: one warning a run is enough.
    """
    if isinstance(error, OSError):  # not this user's to read, no file handle left, removed
        what, remedy = f"cannot be read ({error.strerror or error}) and is left as it is", REFUSED
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)  # so that the next build makes it anew
        what, remedy = f"is damaged ({error})", "The next run decodes it once more, or tells why not."
    if not silent:
        warnings.warn(
            f"Frame store: {path} {what}. {episode}, and any other like it, is decoded whenever it is read: {COST} "
            f"{remedy.format(folder=path.parent)}",
            stacklevel=2,
        )
