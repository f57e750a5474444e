"""What in the episodes of a run would mislead it; motion in the pictures of some of them is looked at."""

from collections.abc import Iterator, Sequence

from robovlms_mobile.checking.misleading.everything import misleading
from robovlms_mobile.checking.misleading.evidence import Evidence, texts_of, watched
from robovlms_mobile.data.block import Block
from robovlms_mobile.data.episodes import Episode
from robovlms_mobile.data.frame_store.store import open_store
from robovlms_mobile.data.split.manifest import planned
from robovlms_mobile.errors import DataError
from robovlms_mobile.findings import Finding

WATCHED = 16  # episodes; `data check` looks at all


def misled(episodes: Sequence[Episode], block: Block, image_size: int, frames_dir: str | None) -> Iterator[Finding]:
    """Yield what would mislead a run of this block.

    Args:
        episodes: the good ones of its folder.
        image_size, frames_dir: of its frame store, where the run has one.
    """
    good = list(episodes)
    try:
        split = planned(block, good, folder=frames_dir)
    except DataError:  # the windows' own check says why
        split = None
    store = open_store(block.data_dir, image_size, block.color_order, frames_dir)
    motion = watched(good, store, WATCHED)
    where, texts = str(block.data_dir), texts_of(good, block)
    yield from misleading(Evidence(good, where, texts, split, motion, one_sided=block.one_sided))
