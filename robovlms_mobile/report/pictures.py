"""The report's photographs: the contact sheet, the two colour orders, the near-duplicates."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from robovlms_mobile.checking.colour_pictures import read_both_ways
from robovlms_mobile.data.colours.sources import Source
from robovlms_mobile.errors import DataError
from robovlms_mobile.report.facts import Facts
from robovlms_mobile.report.looks import Looks
from robovlms_mobile.report.records import Record

SHEET = 24  # episodes
PAIRS = 12
GAP = 4  # pixels between frames of a sheet


@dataclass(frozen=True)
class Strip:
    """First, middle and last frame of an episode: (3, height, width, 3) uint8 RGB."""

    record: object
    frames: np.ndarray


@dataclass(frozen=True)
class Pictures:
    """The photographs of a report.

    Attributes:
        sheet: strips, spread over the scenarios.
        colours: (source, (as RGB, as BGR)), each (height, width, 3) uint8, of the first sources.
        pairs: (Pair, Strip, Strip), the closest first.
        augmented: what training makes of one frame, (height, width, 3) uint8; None without augmentation.
    """

    sheet: tuple
    colours: tuple
    pairs: tuple
    augmented: np.ndarray | None

    def files(self) -> dict[str, bytes]:
        """Return file name → PNG bytes."""
        found = {}
        if self.sheet:
            found["contact_sheet.png"] = _png([list(strip.frames) for strip in self.sheet])
        if self.colours:
            found["colours.png"] = _png([list(pair) for _, pair in self.colours])
        if self.augmented is not None:
            found["augmentation.png"] = _png([[self.augmented]])
        if self.pairs:
            found["near_duplicates.png"] = _png([list(strip.frames) for _, *two in self.pairs for strip in two])
        return found


def pictures(facts: Facts, records: list[Record], looks: Looks, sources: Sequence[Source] = ()) -> Pictures:
    """Return the `Pictures`; episodes whose pixels do not decode are left out, as `facts.undecodable` says."""
    sheet = tuple(filter(None, (_strip(record, looks) for record in sample(records))))
    by_name = {record.name: record for record in records}
    shown = facts.duplicates[:PAIRS]
    pairs = tuple((pair, _strip(by_name[pair.first], looks), _strip(by_name[pair.second], looks)) for pair in shown)
    return Pictures(
        sheet=sheet,
        colours=read_both_ways(sources),
        pairs=tuple(each for each in pairs if each[1] and each[2]),
        augmented=_augmented(sheet, facts.settings),
    )


def sample(records: list[Record], count: int = SHEET) -> list[Record]:
    """Choose up to `count` records: every scenario in turn, and evenly through each one's recordings."""
    groups = {}
    for record in records:
        groups.setdefault(record.scenario, []).append(record)
    share, extra = divmod(min(count, len(records)), len(groups))
    chosen = []
    for n, scenario in enumerate(sorted(groups)):
        group = groups[scenario]
        take = min(len(group), share + (n < extra))
        chosen += [group[i] for i in np.linspace(0, len(group) - 1, take).round().astype(int)]
    return chosen


def jpeg(image: np.ndarray) -> bytes:
    """Return (height, width, 3) uint8 as JPEG bytes."""
    content = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(content, "JPEG", quality=86)
    return content.getvalue()


def side_by_side(frames: Sequence[np.ndarray]) -> np.ndarray:
    """Join frames of one height, with a gap: list of (height, width, 3) → (height, sum, 3) uint8, white between."""
    gap = np.full((frames[0].shape[0], GAP, 3), 255, np.uint8)
    return np.concatenate([part for frame in frames for part in (frame, gap)][:-1], axis=1)


def _strip(record, looks):
    try:
        return Strip(record, looks.thumbnails(record))
    except DataError:  # already listed in facts.undecodable
        return None


def _augmented(sheet, settings):
    """Vary the first frame of the sheet, squeezed as training sees it; the original is in the top left corner."""
    if settings.augmentation is None or not sheet:
        return None
    import torch

    from robovlms_mobile.data.augment.augmentation import Augmentation, augmentation_sheet

    augmentation = Augmentation(**settings.augmentation)
    if not augmentation.active:
        return None
    square = Image.fromarray(sheet[0].frames[0]).resize((settings.image_size,) * 2, Image.Resampling.BICUBIC)
    frame = torch.from_numpy(np.array(square)).permute(2, 0, 1)  # (3, size, size)
    return augmentation_sheet(frame[None], augmentation, columns=6, rows=2, gap=GAP)


def _png(rows):
    """Lay rows of frames under one another, each row as wide as the widest: PNG bytes."""
    lines = [side_by_side(row) for row in rows]
    width = max(line.shape[1] for line in lines)
    padded = []
    for line in lines:
        padded += [np.pad(line, ((0, GAP), (0, width - line.shape[1]), (0, 0)), constant_values=255)]
    content = io.BytesIO()
    Image.fromarray(np.concatenate(padded)[:-GAP]).save(content, "PNG")
    return content.getvalue()
