"""The episodes of a folder: find their files, and read what is cheap in them. No pixels, no torch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from robovlms_mobile.data.names import ACTION_DIMS
from robovlms_mobile.errors import DataError


@dataclass(frozen=True)
class Episode:
    """One recorded file.

    Attributes:
        path: the file.
        images_key: where its frames are, uint8 (length, height, width, 3), or (length,) of JPEG or PNG.
        length: frames, each with its action.
        actions: (length, 3) float32, m/s, m/s, rad/s as in ACTION_DIMS; 0 in what was not recorded.
        instruction: the file's own, or None.
        scenario: e.g. `1box_hori_left` out of the name or an attribute, or None.
        size: (width, height) of the recorded frames, pixels; None where it is not known.
        seconds: how long it lasted, by its frames' own times or else its collector's word; None where neither is there.
        color_order: how the file says that it stores colours, "rgb" or "bgr"; None where it does not.
        dims: the columns that were recorded, out of ACTION_DIMS.
        shifted: the file has beside each frame the action after its own, by its own word.
        times: seconds of each frame since the first, or None.
        attributes: name → number or text, as the collector wrote them.
        events: what happened at each frame, by the collector's `action_event_types`, or None.
        classes: what the collector called each action, `action_classes`, or None.
        unreadable: sentences about what was noted and cannot be read.
        rows: which frames of the file these are, where `data.taken` chose some; None for all.
    """

    path: Path
    images_key: str
    length: int
    actions: np.ndarray
    instruction: str | None
    scenario: str | None
    size: Sequence[int] | None = None
    seconds: float | None = None
    color_order: str | None = None
    dims: Sequence[str] = ACTION_DIMS
    shifted: bool = False
    times: Sequence[float] | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    events: Sequence[str] | None = None
    classes: Sequence[int] | None = None
    unreadable: Sequence[str] = ()
    rows: np.ndarray | None = None

    @property
    def name(self) -> str:
        """File name, unique within a folder."""
        return self.path.name

    def at(self, frames: Any) -> Any:
        """Return where frames of this episode, numbers or a slice, are in its file."""
        return frames if self.rows is None else self.rows[frames]


def find_episodes(data_dir: str | Path, pattern: str | list[str] = "episode_*.h5") -> list[Path]:
    """Return the files in `data_dir` that match a glob or any of a list of globs, by name, each once.

    Args:
        data_dir: folder of the episodes.
        pattern: relative to `data_dir`; `day1/*.h5` and `**/*.h5` look into its folders.

    Raises:
        DataError: no such folder, a pattern that is none, nothing matches (says what is there instead), or files of
            one name in several folders: an episode is known by its name, in the split and in the frame store.
    """
    folder, patterns = Path(data_dir), [pattern] if isinstance(pattern, str) else list(pattern)
    paths = set()
    if all(each and not Path(each).is_absolute() for each in patterns):
        paths = {path for each in patterns for path in folder.glob(each) if path.is_file()}
    found = {path.name: path for path in sorted(paths, reverse=True)}  # of several with one name the first
    if not found or len(found) < len(paths):
        from robovlms_mobile.data.odd_folders import refuse

        refuse(folder, patterns, paths)
    return [found[name] for name in sorted(found)]


def load_episodes(paths: list[Path], on_bad: str, read: Callable[[Path], Episode]) -> list[Episode]:
    """Read every file; either all are good, or the bad ones are named together.

    Args:
        paths: files as `find_episodes` gives them.
        on_bad: "stop" raises for bad files, "skip" leaves them out with one warning.
        read: what reads a file: `data.hdf5.episode_file.read_episode`, or a frame store, which need not open those it
            knows.

    Returns:
        list[Episode], in the order of `paths`.

    Raises:
        DataError: with every bad file and what is wrong with it; also when skipping leaves none.
    """
    good, bad = [], []
    for path in paths:
        try:
            good.append(read(path))
        except DataError as error:
            bad.append(str(error))
    if bad:
        from robovlms_mobile.data.odd_folders import refuse_files

        refuse_files(bad, len(paths), all_count=on_bad == "stop" or not good)
    return good
