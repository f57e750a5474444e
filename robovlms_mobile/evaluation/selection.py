"""Which recorded episodes a run is evaluated on: its own validation side, or a folder it has never seen."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from robovlms_mobile.data.actions import ActionSpace
from robovlms_mobile.data.block import Block
from robovlms_mobile.data.episodes import Episode, find_episodes, load_episodes
from robovlms_mobile.data.frame_store.open import ready_store, wants_store
from robovlms_mobile.data.frame_store.store import FrameStore
from robovlms_mobile.data.hdf5.episode_file import read_episode
from robovlms_mobile.data.images import ImageTransform
from robovlms_mobile.data.instructions import instruction_for
from robovlms_mobile.data.split.manifest import Manifest
from robovlms_mobile.errors import DataError
from robovlms_mobile.evaluation.offline import Shown
from robovlms_mobile.evaluation.run_data import block_of, episodes_of, manifest_of

SPLITS = ("validation", "all")
NAMED = 3  # episodes in a message


@dataclass(frozen=True)
class Selection:
    """What a policy is evaluated on.

    Attributes:
        validation: episodes the run has not trained on, list of `Shown`.
        training: those it has, where they were asked for.
        taught: the run's training episodes, list of `Episode`, for baselines; empty where they are gone.
        folder: where the evaluated ones are.
        notes: sentences a person should read.
    """

    validation: list
    training: list
    taught: list
    folder: Path
    notes: tuple = ()


def select(
    configs: dict,
    run: Path,
    space: ActionSpace,
    transform: ImageTransform,
    data: str | None = None,
    pattern: str | None = None,
    split: str = "validation",
) -> Selection:
    """Find a run's episodes and get their frames ready, decoded once as for training.

    Args:
        configs: the run's config.
        run: its folder, with split.json.
        space, transform: the policy's.
        data: another folder than the run trained from.
        pattern: only files that match, instead of the config's episode_pattern.
        split: "validation", or "all" for the training side as well, marked apart.

    Raises:
        DataError: no split.json; no validation episode; a folder of `data` with episodes the run trained on, which
            are told by name and by content, unless `split` is "all".
    """
    manifest, own = manifest_of(run), block_of(configs)
    block = replace(own, data_dir=data or own.data_dir, episode_pattern=pattern or own.episode_pattern)
    paths = find_episodes(block.data_dir, block.episode_pattern)
    store = ready_store(block, paths, transform) if wants_store(transform.options) else None
    read = store.read if store else read_episode
    if data:
        episodes = block.take(load_episodes(paths, "skip", read), elsewhere=True)
        taught, notes = _taught_elsewhere(configs, run)
    else:  # each file once, also where it is no more than what the run was taught
        home = find_episodes(own.data_dir, own.episode_pattern)
        every = block.take(load_episodes(sorted({*paths, *home}), "skip", read))
        episodes = [each for each in every if each.path in paths]
        taught, notes = [each for each in every if each.path in home and each.name in manifest.train], []
    seen = [each for each in episodes if _trained_on(each, manifest, store)]
    fresh = [each for each in episodes if each not in seen and (data or each.name in manifest.validation)]
    _check(seen, fresh, data, split, block, manifest)
    asked = seen if split == "all" else []
    validation, training = (
        [_shown(each, side, block, space, transform, store) for each in group]
        for side, group in (("validation", fresh), ("training", asked))
    )
    return Selection(validation, training, taught, Path(block.data_dir), tuple(notes))


def _taught_elsewhere(configs, run):
    """Return (the run's training episodes, notes); they may be gone where others are evaluated."""
    try:
        train, _ = episodes_of(configs, run)
    except DataError as error:
        return [], [f"There are no baselines: the run's training episodes are not here ({error.what})"]
    return train, []


def _trained_on(episode: Episode, manifest: Manifest, store: FrameStore | None) -> bool:
    """Whether a run trained on an episode, also under another name."""
    entry = store.entries.get(episode.name) if store else None
    digests = {digest for digest in manifest.train.values() if digest}
    return episode.name in manifest.train or (entry is not None and entry.digest in digests)


def _check(seen: Sequence, fresh: Sequence, data, split: str, block: Block, manifest: Manifest) -> None:
    if data and seen and split != "all":
        names = ", ".join(each.name for each in seen[:NAMED]) + (", …" if len(seen) > NAMED else "")
        raise DataError(
            f"The run was trained on {len(seen)} of the {len(seen) + len(fresh)} episodes in {block.data_dir}: "
            f"{names}. Figures on those say what it remembers, not what it learned.",
            "Choose others with --pattern, or show both marked apart with --split all.",
        )
    if not fresh:
        raise DataError(
            f"None of the run's {len(manifest.validation)} validation episodes is in {block.data_dir} and matches "
            f"{block.episode_pattern!r}.",
            "Put them back, widen --pattern, or name a folder of other episodes with --data.",
        )


def _shown(episode, side, block, space, transform, store):
    from robovlms_mobile.report.records import NOMINAL_STEP, UNKNOWN

    return Shown(
        name=episode.name,
        scenario=episode.scenario or UNKNOWN,
        instruction=instruction_for(episode, block.instruction),
        frames=_frames(episode, block, transform, store),
        actual=space.targets(episode.actions, block.shift_first),
        period=episode.seconds / episode.length if episode.seconds else NOMINAL_STEP,
        side=side,
    )


def _frames(episode, block, transform, store):
    """Return (T, S, S, 3) uint8 RGB: from the frame store, or decoded and resized as it would."""
    if store is not None:
        with contextlib.suppress(KeyError):  # not in it: the store itself says why
            return np.moveaxis(store.planes(episode.name)[episode.at(slice(None))], 1, -1)
    from robovlms_mobile.data.hdf5.frames import read_frames

    frames = read_frames(episode, range(episode.length), block.color_order)
    return np.stack([np.moveaxis(transform.resize(Image.fromarray(frame)), 0, -1) for frame in frames])
