"""Take episodes as a dataset block wants them: other scenarios, columns, frames or rate than their files have.

Loaded when a block asks for any of it, or when a file has what the block cannot take as it is.
"""

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from robovlms_mobile.data.block import Block
from robovlms_mobile.data.circumstances import circumstance
from robovlms_mobile.data.episodes import Episode
from robovlms_mobile.data.hdf5.episode_file import placed, says_columns
from robovlms_mobile.errors import ConfigError, DataError

SLOWER = 0.9  # of the rate asked for is what a recording must have


def taken(episodes: Sequence[Episode], block: Block, elsewhere: bool = False) -> list[Episode]:
    """Return the episodes as `block` takes them; those of which no frame is left are named in a warning.

    Raises:
        ConfigError: an event to leave out that no file has, unless they are from `elsewhere`.
        DataError: naming the first file that cannot be taken so, and how many more: without a column that is trained,
            without times or recorded too slowly for the rate, with events for other frames than it has.
    """
    if not elsewhere:
        _check_events(episodes, block)
    found, refused = [], []
    for each in episodes:
        try:
            found.append(_taken(each, block))
        except DataError as error:
            refused.append(error)
    if refused:
        more = f" (and {len(refused) - 1} of the {len(episodes)} episodes likewise)" if len(refused) > 1 else ""
        raise DataError(f"{refused[0].what}{more}", refused[0].fix)
    if empty := [each.name for each in found if not each.length]:
        warnings.warn(f"leave_out and rate leave nothing of {len(empty)} episodes: {', '.join(empty)}.", stacklevel=2)
    return [each for each in found if each.length]


def _taken(episode, block):
    if block.scenario_from:
        told = circumstance("scenario", episode.name, episode.attributes, block.scenario_from)
        kept = {**episode.attributes, **_named(episode, block.scenario_from)}
        episode = replace(episode, scenario=told, attributes=kept)
    if block.recorded_dims and not says_columns(episode.attributes):
        episode = _columns(episode, tuple(block.recorded_dims))
    if missing := [dim for dim in block.real_dims if dim not in episode.dims]:
        raise DataError(
            f"{episode.name}: {', '.join(missing)} is trained and was not recorded, its actions are "
            f"{', '.join(episode.dims)}.",
            "Remove it from real_dims, leave such files out with episode_pattern, or, where the columns mean something "
            'else, say so in both dataset blocks: "recorded_dims": ["linear_x", "angular_z"].',
        )
    if block.shift_first and episode.shifted:
        episode = _unshifted(episode)
    if block.leave_out:
        episode = _without(episode, block.leave_out)
    return _resampled(episode, block.rate) if block.rate and episode.length else episode


def _named(episode, sources):
    """Return the circumstances that `scenario_from` finds elsewhere than usual, under their usual names."""
    found = {what: circumstance(what, episode.name, episode.attributes, sources) for what in sources}
    return {what: text for what, text in found.items() if text}


def _columns(episode, dims):
    if len(dims) != len(episode.dims):
        raise DataError(
            f"{episode.name}: recorded_dims names {len(dims)} columns, 'actions' has {len(episode.dims)}.",
            "Name each column of the recorded actions, in their order.",
        )
    return replace(episode, actions=placed(episode.actions, dims), dims=dims)


def _unshifted(episode):
    """Put a zero before the actions of a file that is shifted already, so that `shift_first` moves them to where they
    were. The last, of a frame that was not recorded any more, is what shifting made up."""
    actions = np.concatenate([np.zeros_like(episode.actions[:1]), episode.actions[:-1]])
    return replace(episode, actions=actions, shifted=False)


def _without(episode, events):
    """Leave out the frames at which one of `events` happened; what comes after follows what came before."""
    if episode.events is None:
        return episode
    if len(episode.events) != episode.length:
        what = f"{episode.name}: action_event_types has {len(episode.events)} entries for {episode.length} frames"
        raise DataError(f"{what}, so nobody knows which to leave out.", "Leave the file out with episode_pattern.")
    rows = np.flatnonzero([each not in events for each in episode.events])
    if len(rows) == episode.length:
        return episode
    seconds = episode.seconds and episode.seconds * len(rows) / episode.length
    return _chosen(replace(episode, seconds=seconds or None, times=None), rows, episode.actions[rows])


def _resampled(episode, rate):
    """Take the frames nearest to `rate` a second, each with the mean of the actions until the next frame taken.

    Where every frame is followed by the same number left out, that drives exactly as far as was driven, else about.
    """
    if not episode.seconds:
        raise DataError(
            f"{episode.name} says nothing of its times, so it cannot be brought to {rate:g} frames a second.",
            "Write 'timestamps' or the attribute total_duration into it, or leave it out with episode_pattern.",
        )
    recorded = episode.length / episode.seconds
    if recorded < SLOWER * rate:
        raise DataError(
            f"{episode.name} has {recorded:.3g} frames a second, and rate asks for {rate:g}.",
            f'Set "rate" to {recorded:.2g} or less, or leave slow files out with episode_pattern.',
        )
    times = np.array(episode.times) if episode.times else np.arange(episode.length) / recorded
    wanted = np.arange(0, episode.seconds - 0.5 / rate, 1 / rate)
    rows = np.unique(np.abs(times - wanted[:, None]).argmin(1))
    steps = np.diff(times, append=episode.seconds)[:, None]
    driven = np.add.reduceat(episode.actions * steps, rows) / np.add.reduceat(steps, rows)
    same = np.diff(rows, append=episode.length) == 1
    actions = np.where(same[:, None], episode.actions[rows], driven).astype(np.float32)
    return _chosen(replace(episode, seconds=len(rows) / rate), rows, actions)


def _chosen(episode, rows, actions):
    """Return an episode of some frames of another, with actions of their own."""
    kept = {
        name: [getattr(episode, name)[row] for row in rows] if getattr(episode, name) else None
        for name in ("times", "events", "classes")
    }
    return replace(episode, length=len(rows), actions=actions, rows=np.asarray(episode.at(rows)), **kept)


def _check_events(episodes, block):
    known = Counter(event for each in episodes for event in each.events or ())
    if unknown := [event for event in block.leave_out or () if event not in known]:
        have = ", ".join(f"{event} ({count})" for event, count in known.most_common(8)) or "none at all"
        raise ConfigError(f"leave_out names {', '.join(unknown)}, and the files have {have}.", "Name one of those.")
