"""Check a whole folder: every episode, and what only shows between them."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from robovlms_mobile.checking.episode import Finding, look_at
from robovlms_mobile.checking.misleading.everything import misleading
from robovlms_mobile.checking.misleading.evidence import Evidence, texts_of
from robovlms_mobile.data.block import Block
from robovlms_mobile.data.circumstances import NAME
from robovlms_mobile.data.colours.sources import sources_of
from robovlms_mobile.data.episodes import find_episodes
from robovlms_mobile.data.hdf5.episode_file import read_episode
from robovlms_mobile.data.split.manifest import planned
from robovlms_mobile.data.windows import window_starts
from robovlms_mobile.errors import DataError, MobileError

SHOWN = 12  # events


@dataclass(frozen=True)
class Check:
    """What was found.

    Attributes:
        episodes, frames, good: files, frames in the good ones, good files.
        bad: list[Finding], files that cannot be used.
        warnings: list[Finding], worst first.
        misleading: list of `findings.Finding`: what would mislead a training, worst first.
        windows: {"train": int, "val": int}, of the good ones.
        events: event → frames it was noted at, the most frequent first; `leave_out` leaves some out.
        sources: list of `data.colours.sources.Source`: who recorded them, and the order of their colours.
    """

    episodes: int
    frames: int
    good: int
    bad: list
    warnings: list
    misleading: list
    windows: dict
    events: dict
    sources: list

    def to_json(self) -> dict:
        """Return the check as a dict of primitives."""
        listed = {
            name: [{"file": each.file, "problem": each.problem} for each in getattr(self, name)]
            for name in ("bad", "warnings")
        }
        counts = {"episodes": self.episodes, "frames": self.frames, "good": self.good}
        misleading = [each.as_dict() for each in self.misleading]
        colours = [{"source": str(each), "told": each.told, "rgb": each.chance} for each in self.sources]
        found = {"windows": self.windows, "events": self.events, "colours": colours}
        return {**counts, **listed, "misleading": misleading, **found}


def check_folder(
    block: Block, window_size: int = 4, chunk_size: int = 10, progress: Callable[[], object] | None = None
) -> Check:
    """Look at every episode of a dataset block.

    Args:
        block: a `Block`: data_dir, episode_pattern, and how it is split.
        progress: called without arguments after each file.

    Raises:
        DataError: no such folder, or nothing matches.
    """
    paths = find_episodes(block.data_dir, block.episode_pattern)
    good, bad, warnings, same, motion = [], [], [], {}, {}
    with ThreadPoolExecutor() as pool:  # decoding lets go of the GIL
        for path, (episode, digest, moved, findings, problem) in zip(paths, pool.map(_look, paths), strict=True):
            if progress:
                progress()
            if episode is None:
                bad.append(Finding(0, path.name, problem))
                continue
            good.append(episode)
            warnings += findings
            motion[path.name] = moved
            same.setdefault(digest, []).append(path.name)
    warnings += [*_duplicates(same), *_simultaneous(good)]
    events = Counter(event for each in good for event in each.events or ())
    good, untaken = _taken(block, good)
    warnings += untaken
    motion = {each.name: motion[each.name] for each in good if each.rows is None}
    split, windows, note = _windows(block, good, window_size, chunk_size)
    texts, where, sources = texts_of(good, block), str(block.data_dir), sources_of(good, block.instruction, doubt=True)
    told: dict = {"one_sided": block.one_sided, "color_order": block.color_order or ""}
    return Check(
        episodes=len(paths),
        frames=sum(episode.length for episode in good),
        good=len(good),
        bad=bad,
        warnings=sorted(warnings + note, key=lambda each: (each.rank, each.file)),
        misleading=misleading(Evidence(good, where, texts, split, motion, **told, sources=sources)),
        windows=windows,
        events=dict(events.most_common(SHOWN)),
        sources=sources,
    )


def _taken(block, episodes):
    """Return the episodes as the block takes them, and what stands against that: then as they are."""
    try:
        return block.take(episodes), []
    except MobileError as error:
        return episodes, [Finding(1, str(block.data_dir), f"a run would stop: {error}")]


def _look(path):
    try:
        episode = read_episode(path)
        digest, moved, findings = look_at(episode)
    except DataError as error:
        return None, None, None, [], str(error).removeprefix(f"{path.name}: ")
    return episode, digest, moved, findings, None


def _duplicates(same):
    for names in same.values():
        for name in names[1:]:
            yield Finding(1, name, f"the same pixels as {names[0]}: a copy counts twice, and may be on both sides")


def _simultaneous(episodes):
    """One collector records one episode at a time."""
    seen = {}
    for episode in episodes:
        name = NAME.match(episode.path.stem)
        if name:
            first = seen.setdefault((name["date"], name["time"]), episode.name)
            if first != episode.name:
                yield Finding(3, episode.name, f"recorded in the same second as {first}")


def _windows(block, episodes, window_size, chunk_size):
    try:
        split = planned(block, episodes)
    except DataError as error:
        return None, {"train": 0, "val": 0}, [Finding(1, str(block.data_dir), str(error))]
    shift = int(block.shift_first)
    counts = {
        each.name: len(window_starts(each.length, window_size, chunk_size, block.windows, shift)) for each in episodes
    }
    short = [
        Finding(2, each.name, f"{each.length} frames give no window of {window_size} frames and {chunk_size} actions")
        for each in episodes
        if not counts[each.name]
    ]
    windows = {"train": split.train, "val": split.validation}
    return split, {side: sum(counts[name] for name in names) for side, names in windows.items()}, short
