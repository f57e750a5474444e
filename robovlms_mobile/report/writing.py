"""Make the report of a folder: read, describe, draw, write. The one place that knows the order of things."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from robovlms_mobile.checking.misleading.everything import misleading
from robovlms_mobile.checking.misleading.evidence import Evidence, texts_of, watched
from robovlms_mobile.config.model_size import estimate
from robovlms_mobile.data.colours.sources import agreed, sources_of
from robovlms_mobile.data.episodes import find_episodes
from robovlms_mobile.data.split.manifest import planned
from robovlms_mobile.errors import DataError
from robovlms_mobile.files import replace_file
from robovlms_mobile.report.drawings import draw
from robovlms_mobile.report.facts import Facts, describe
from robovlms_mobile.report.looks import Looks
from robovlms_mobile.report.page import render
from robovlms_mobile.report.pictures import pictures
from robovlms_mobile.report.records import read_records, record_of
from robovlms_mobile.report.settings import settings_of
from robovlms_mobile.report.themes import require_plots

PAGE = "report.html"
WATCHED = 24  # episodes whose motion is looked at; `data check` looks at all
OWN = re.compile(
    r"(directions|\w+_by_frame|contact_sheet|augmentation|colours|near_duplicates|paths_[12]box_\w+|paths_not_in_the_name)\.png"
)


def write_report(
    data_dir: str | Path,
    out: str | Path,
    pattern: str | list[str] | None = None,
    config: dict | None = None,
    progress: Callable[[str, int, int], object] | None = None,
) -> Facts:
    """Write `report.html` and its PNGs into `out`, replacing those of an earlier report.

    Args:
        data_dir: folder of the episodes.
        out: folder to write into; made if absent.
        pattern: glob of the files, or a list of globs; default: the config's, else every episode.
        config: a training config as dict, or None.
        progress: called as `progress(what, done, total)` for each kind of work.

    Raises:
        DataError: no episodes, or none that can be read. ConfigError: the config is wrong.
        MobileError: matplotlib or jinja2 is missing.
    """
    require_plots()
    tell = progress or (lambda what, done, total: None)
    settings = settings_of(config)
    settings = replace(settings, pattern=pattern or settings.pattern)
    paths = find_episodes(data_dir, settings.pattern)
    records, bad = read_records(paths, lambda done, total: tell("reading", done, total))
    if settings.taking:
        records = [record_of(each) for each in settings.block(data_dir).take([each.episode for each in records])]
    parameters = estimate(config) if config else None
    sources = sources_of([record.episode for record in records], settings.instruction, doubt=True)
    looks = Looks(data_dir, replace(settings, color_order=settings.color_order or agreed(sources)[0]))
    signatures, undecodable = _signatures(records, looks, lambda done, total: tell("looking", done, total))
    told = (sources, settings.color_order if config else "")
    misleads = _misleading(data_dir, records, settings, signatures, looks, told)
    facts = describe(data_dir, records, settings, signatures, parameters, bad, undecodable, misleads)
    drawings = draw(facts, records, lambda done, total: tell("drawing", done, total))
    photos = pictures(facts, records, looks, sources)
    _write(Path(out), render(facts, drawings, photos), {**drawings.files(), **photos.files()})
    return facts


def _misleading(data_dir, records, settings, signatures, looks, colours):
    """Return what would mislead a training, by the split it would have and the motion in some of the episodes."""
    episodes, block = [record.episode for record in records], settings.block(data_dir)
    try:
        split = planned(block, episodes, signatures, settings.frames_dir)
    except DataError:  # the facts say why
        split = None
    motion = watched([each for each in episodes if each.name in signatures], looks.store, WATCHED)
    texts = texts_of(episodes, block)
    seen = (split, motion, signatures, settings.one_sided)
    return misleading(Evidence(episodes, str(data_dir), texts, *seen, *colours))


def _signatures(records, looks, progress):
    """Return name → signature, and what is wrong with files whose pixels do not decode."""
    signatures, undecodable = {}, []
    for done, record in enumerate(records, 1):
        try:
            signatures[record.name] = looks.signature(record)
        except DataError as error:
            undecodable.append(str(error))
        progress(done, len(records))
    return signatures, undecodable


def _write(out, page, files):
    """Write all files whole, and remove pictures of an earlier report that this one has not got."""
    for earlier in out.glob("*.png"):
        if OWN.fullmatch(earlier.name) and earlier.name not in files:
            earlier.unlink()
    for name, content in {**files, PAGE: page.encode()}.items():
        with replace_file(out / name) as temporary:
            temporary.write_bytes(content)
