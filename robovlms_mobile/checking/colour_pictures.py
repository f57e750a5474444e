"""A frame of each recording source, read as RGB and as BGR, side by side: a person sees at once which is right."""

import io
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from robovlms_mobile.data.colours.sources import Source
from robovlms_mobile.data.hdf5.frames import read_frames
from robovlms_mobile.errors import DataError
from robovlms_mobile.files import replace_file

WIDTH = 480  # pixels across a picture
LINE, GAP = 26, 6  # pixels: of text, between pictures
TRIED = 4  # episodes of a source
ROWS = 8  # sources in a sheet
PAPER, INK = (255, 255, 255), (30, 35, 45)


def both_readings(source: Source) -> tuple[np.ndarray, np.ndarray] | None:
    """Return one frame of a source as it looks if the file is RGB, and if it is BGR: (height, WIDTH, 3) uint8 each.

    It is the first frame, of that of a few episodes in which red and blue differ most: on a grey one both look right.
    None where none can be decoded.
    """
    chosen = sorted({round(i * (len(source.episodes) - 1) / (TRIED - 1)) for i in range(TRIED)})
    found = []
    for number in chosen:
        with suppress(DataError):
            found.append(_small(read_frames(source.episodes[number], [0])[0]))
    if not found:
        return None
    most = max(found, key=lambda frame: np.abs(frame[..., 0].astype(int) - frame[..., 2]).mean())
    return (most[..., ::-1], most) if source.told == "bgr" else (most, most[..., ::-1])


def read_both_ways(sources: Sequence[Source]) -> tuple:
    """Return (source, its `both_readings`) of up to ROWS sources, silent ones first."""
    ordered = sorted(sources, key=lambda each: each.told is not None)[:ROWS]
    return tuple((each, pair) for each in ordered if (pair := both_readings(each)))


def sheet(sources: Sequence[Source]) -> bytes | None:
    """Return both readings of up to ROWS sources, labelled, as a PNG; None where nothing can be decoded."""
    shown = read_both_ways(sources)
    if not shown:
        return None
    heights = [2 * LINE + pair[0].shape[0] + GAP for _, pair in shown]
    page = Image.new("RGB", (2 * WIDTH + 3 * GAP, sum(heights) + GAP), PAPER)
    draw, font, top = ImageDraw.Draw(page), _font(), GAP
    for (source, pair), height in zip(shown, heights, strict=True):
        draw.text((GAP, top), str(source), INK, font)
        for number, (order, picture) in enumerate(zip(("rgb", "bgr"), pair, strict=True)):
            left = GAP + number * (WIDTH + GAP)
            draw.text((left, top + LINE), f'"color_order": "{order}"', INK, font)
            page.paste(Image.fromarray(np.ascontiguousarray(picture)), (left, top + 2 * LINE))
        top += height
    content = io.BytesIO()
    page.save(content, "PNG")
    return content.getvalue()


def write_sheet(sources: Sequence[Source], path: Path) -> bool:
    """Write the sheet of the sources that are open to question; False where there is none to write, or no room.

    Those are the silent ones, and those whose pixels speak against what the files say.
    """
    content = sheet([each for each in sources if each.told is None or each.decided not in (None, each.told)])
    if content is None:
        return False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replace_file(path) as temporary:
            temporary.write_bytes(content)
    except OSError:
        return False
    return True


def _font():
    try:
        return ImageFont.load_default(size=16)
    except TypeError:  # before Pillow 10.1 there is one size
        return ImageFont.load_default()


def _small(frame):
    height = max(1, round(WIDTH * frame.shape[0] / frame.shape[1]))
    return np.asarray(Image.fromarray(np.ascontiguousarray(frame)).resize((WIDTH, height), Image.Resampling.BICUBIC))
