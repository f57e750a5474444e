"""What in the episodes of a run would mislead it; motion in the pictures of some of them is looked at."""

from collections.abc import Iterator, Sequence

from robovlms_mobile.checking.misleading.everything import misleading
from robovlms_mobile.checking.misleading.evidence import Evidence, texts_of, thumbnails_of, watched
from robovlms_mobile.data.block import Block
from robovlms_mobile.data.colours.sources import sources_of
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
    good, store = list(episodes), open_store(block.data_dir, image_size, block.color_order or "rgb", frames_dir)
    signatures = thumbnails_of(good, store)
    try:
        split = planned(block, good, signatures, frames_dir)
    except DataError:  # the windows' own check says why
        split = None
    texts, motion = texts_of(good, block), watched(good, store, WATCHED)
    seen = (split, motion, signatures, block.one_sided, sources_of(good, block.instruction, doubt=True))
    yield from misleading(Evidence(good, str(block.data_dir), texts, *seen, block.color_order))
