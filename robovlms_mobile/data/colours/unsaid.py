"""Dataset blocks without `color_order`: what the files say or show counts, and what they do not is a question.

The answer is kept beside the data, so that the next start is as quick and reads the same.
"""

import json
import os
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from robovlms_mobile.data.block import Block
from robovlms_mobile.data.colours.sources import Source, agreed, sources_of
from robovlms_mobile.data.episodes import find_episodes
from robovlms_mobile.data.frame_store.store import place_of
from robovlms_mobile.data.hdf5.episode_file import read_episode
from robovlms_mobile.errors import ConfigError, DataError
from robovlms_mobile.files import read_json, replace_file

KEPT = "colours.json"
VERSION = 1
SHOWN = 4  # sources in a message
CHECK = "`robovlms-mobile data check {}` shows both pictures of each source"


def settled(block: Block, folder: str | Path | None = None) -> Block:
    """Return a block with its `color_order`: its own, else that of the files which do not say one themselves.

    Args:
        folder: where stores are kept, `mobile.frames.dir`.

    Raises:
        ConfigError: their pixels do not tell, or tell two orders; says what to write.
        DataError: there are no episodes.
    """
    if block.color_order is not None:
        return block
    paths = find_episodes(block.data_dir, block.episode_pattern)
    stamps = {path.name: [seen.st_size, seen.st_mtime_ns] for path in paths for seen in [os.stat(path)]}
    place = place_of(block.data_dir, folder) / KEPT
    return replace(block, color_order=_kept(place, stamps) or _decided(block, paths, stamps, place))


def _kept(place, stamps):
    """Return the order that was decided of these very files, if it was."""
    kept = read_json(place)
    try:
        known = kept["version"] == VERSION and stamps.items() <= kept["files"].items()
        return kept["order"] if known and kept["order"] in ("rgb", "bgr") else None
    except (LookupError, TypeError, AttributeError):  # no such file, or damaged
        return None


def _decided(block, paths, stamps, place):
    sources = sources_of(_readable(paths), block.instruction)
    order, confidence = agreed(sources)
    if order is None:
        raise ConfigError(*question(block.data_dir, sources))
    silent = sum(len(each.episodes) for each in sources if each.told is None)
    if silent:
        warnings.warn(
            f"Colours: {silent} of {len(paths)} files do not say RGB or BGR, and their pixels say {order}, "
            f'{confidence:.0%} sure. "color_order": "{order}" in both dataset blocks says it for good.',
            stacklevel=3,
        )
    with suppress(OSError):  # asked again next time
        place.parent.mkdir(parents=True, exist_ok=True)
        with replace_file(place) as temporary:
            kept = {"version": VERSION, "order": order, "confidence": confidence, "files": stamps}
            temporary.write_text(json.dumps(kept), encoding="utf-8")
    return order


def question(where: str, sources: Sequence[Source]) -> tuple[str, str]:
    """Return what is not known of the colours in a folder, and what to do."""
    silent = [each for each in sources if each.told is None]
    listed = listed_sources(silent)
    orders = {each.decided for each in silent}
    if {"rgb", "bgr"} <= orders:
        return f"{where}: RGB and BGR are mixed: {listed}.", f"{CHECK.format(where)}; {written(silent)}."
    fix = (
        f'{CHECK.format(where)}: write "color_order": "rgb" or "bgr" into both dataset blocks, whichever looks right '
        "(other verbs: --color-order)."
    )
    return (
        f"{where}: are the colours RGB or BGR? Neither files nor config say, and pixels leave it open: {listed}.",
        fix,
    )


def written(sources: Sequence[Source], anew: bool = False) -> str:
    """Return how to write into files what their pixels say; `anew` in place of what they say."""
    write, shown = "__setitem__" if anew else "setdefault", [each for each in sources[:SHOWN] if each.decided]
    mingled = "; ".join(each.name for each in shown if not each.is_apart)
    lines = [
        f"python -c \"import glob, h5py; [h5py.File(name, 'a').attrs.{write}('color_order', '{each.decided}') "
        f"for name in glob.glob('{each.files}')]\""
        for each in shown
        if each.is_apart
    ]
    steps = [f"put files whose names are like others' into folders of their own: those of {mingled}"] if mingled else []
    return "; ".join([*steps, *([f"write into the files what they are: {'; '.join(lines)}"] if lines else [])])


def listed_sources(sources: Sequence[Source]) -> str:
    """Return the first sources in words, and how many more there are."""
    shown = "; ".join(map(str, sources[:SHOWN]))
    return shown + (f"; and {len(sources) - SHOWN} more sources" if len(sources) > SHOWN else "")


def _readable(paths):
    for path in paths:
        with suppress(DataError):  # refused where episodes are loaded
            yield read_episode(path)
