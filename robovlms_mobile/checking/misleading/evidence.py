"""What findings are made from: episodes, what the policy is told in each, the split, the motion in the pictures."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from robovlms_mobile.checking.misleading.motion import motion
from robovlms_mobile.data.block import Block
from robovlms_mobile.data.colours.sources import Source
from robovlms_mobile.data.episodes import Episode
from robovlms_mobile.data.frame_store.store import FrameStore
from robovlms_mobile.data.hdf5.frames import each_frame
from robovlms_mobile.data.instructions import instruction_for
from robovlms_mobile.data.one_side import FEW
from robovlms_mobile.data.split.near_duplicates import thumbnails
from robovlms_mobile.data.split.stratify import Split
from robovlms_mobile.errors import DataError, MobileError

LISTED = 3  # episodes named one by one


@dataclass(frozen=True)
class Evidence:
    """What is known of a folder's good episodes.

    Attributes:
        episodes: list[Episode], by name.
        where: what they are called in findings: the folder.
        texts: what the policy is told in each; empty where that cannot be said (the config's own fault).
        split: the `Split` a run would use, None where there is none.
        motion: name → (T - 1,) as `motion.motion` gives it, of the episodes that were looked at.
        signatures: name → (3, 16, 16) uint8 grey thumbnails, as far as they are known.
        one_sided: the block says that nearly one side, or one action, is meant.
        sources: who recorded the episodes, with the order of their colours, as far as anybody looked.
        color_order: the config's; None where it says none, "" where there is no config.
    """

    episodes: list[Episode]
    where: str
    texts: list[str] = field(default_factory=list)
    split: Split | None = None
    motion: dict[str, np.ndarray] = field(default_factory=dict)
    signatures: dict[str, np.ndarray] = field(default_factory=dict)
    one_sided: bool = False
    sources: list[Source] = field(default_factory=list)
    color_order: str | None = ""

    @property
    def enough(self) -> bool:
        """Whether there are so many episodes that what is uneven is no chance."""
        return len(self.episodes) >= FEW


def texts_of(episodes: Sequence[Episode], block: Block) -> list[str]:
    """Return what the policy is told in each episode; [] where the block says nothing for one."""
    try:
        return [instruction_for(episode, block.instruction) for episode in episodes]
    except MobileError:
        return []


def watched(episodes: Sequence[Episode], store: FrameStore, most: int) -> dict[str, np.ndarray]:
    """Return the motion in at most so many of the episodes, evenly chosen, from the frame store or from the files."""
    found = {}
    for number in np.unique(np.linspace(0, len(episodes) - 1, min(most, len(episodes))).round().astype(int)):
        episode = episodes[number]
        try:
            found[episode.name] = motion(_frames(episode, store))
        except DataError:  # what is damaged is said elsewhere
            continue
    return found


def thumbnails_of(episodes: Sequence[Episode], store: FrameStore) -> dict[str, np.ndarray]:
    """Return the `Evidence.signatures` of the episodes that the frame store has."""
    found = {}
    for episode in episodes:
        if store.has(episode.path):
            with suppress(KeyError):  # damaged
                found[episode.name] = thumbnails(store.planes(episode.name))
    return found


def listed(names: Sequence[str]) -> str:
    """`a.h5, b.h5, c.h5 and 4 more`."""
    more = len(names) - LISTED
    return ", ".join(names[:LISTED]) + (f" and {more} more" if more > 0 else "")


def _frames(episode, store):
    if store.has(episode.path):
        with suppress(KeyError):  # damaged: from the file
            return store.planes(episode.name)[episode.at(slice(None))]
    return each_frame(episode)
