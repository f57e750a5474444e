"""What may be wrong with one episode that can be read: pixels, actions, attributes, name."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

import numpy as np

from robovlms_mobile.checking.misleading.motion import Watcher
from robovlms_mobile.data.circumstances import NAME, started
from robovlms_mobile.data.episodes import Episode
from robovlms_mobile.data.hdf5.frames import each_frame

KEY_SPEED = 1.15  # m/s, what the collector's keys command
DARK, BRIGHT, FLAT = 8, 247, 2  # grey levels: mean of a black frame, of a blown-out one, spread of a covered lens
START = "episode_start"
GAP = 3.0  # how many times the usual step from a frame to the next tells that some were lost


@dataclass(frozen=True)
class Finding:
    """One thing to look at. Lower `rank` is worse."""

    rank: int
    file: str
    problem: str


def look_at(episode: Episode) -> tuple[str, np.ndarray, list[Finding]]:
    """Return (digest, moved, findings) of a readable episode, pixels and all that is noted of it.

    Returns:
        digest: str, the same for the same pixels and shape.
        moved: (T - 1,), see `misleading.motion.motion`.
        findings: list[Finding].

    Raises:
        DataError: its pixels cannot be decoded.
    """
    digest, moved, pixels = _pixels(episode)
    found = [
        *pixels,
        *_actions(episode),
        *_attributes(episode, episode.attributes),
        *_events(episode.events, episode.length),
        *_classes(episode),
        *_gaps(episode.times),
        *((2, problem) for problem in episode.unreadable),
        *_name(episode),
    ]
    return digest, moved, [Finding(rank, episode.name, problem) for rank, problem in found]


def _pixels(episode):
    """Return (digest, moved, findings) of an episode's frames."""
    digest, looks, same, before, watcher = blake2b(), [], [], None, Watcher()
    for number, frame in enumerate(each_frame(episode)):  # (3, H, W)
        digest.update(np.ascontiguousarray(frame))
        watcher.see(frame)
        thin = frame[:, ::4, ::4].astype(np.float32)  # every fourth pixel tells black from not
        looks.append((thin.mean(), thin.std((1, 2)).max()))
        if before is not None and np.array_equal(frame, before):
            same.append(number)
        before = frame
    named = f"{len(looks)}x{before.shape}{digest.hexdigest()}"
    return named, np.array(watcher.votes), list(_bad_frames(*np.array(looks).T, same))


def _bad_frames(means, spreads, same):
    """means, spreads: (T,) grey levels; same: numbers of frames that repeat the one before."""
    for what, frames in (
        ("black", means < DARK),
        ("blown out", means > BRIGHT),
        ("one flat colour", (spreads < FLAT) & (means >= DARK) & (means <= BRIGHT)),
    ):
        if frames.any():
            yield 1, f"{_frames(np.flatnonzero(frames))} {what}"
    if same:
        yield 1, f"{_frames(same)} the same picture as the one before, bit for bit: the camera was frozen"


def _actions(episode):
    """Judge by the keys what is driven by keys, and by the collector's first frame what has one."""
    actions = episode.actions  # (T, 3) m/s, m/s, rad/s
    if actions[0].any() and START in (episode.events or [START]):
        yield 3, f"the first action is {actions[0].tolist()}, expected zero before the first key"
    plane = np.abs(actions[:, :2])
    by_key = (np.isclose(plane, 0) | np.isclose(plane, KEY_SPEED)).all(1)
    moving = plane.any(1)
    foreign = np.flatnonzero(~by_key)
    if len(foreign) and by_key[moving].mean() >= 0.5:
        yield (
            2,
            f"{_frames(foreign)} driven at speeds other than the nine keys', e.g. {actions[foreign[0], :2].tolist()}",
        )
    if actions[:, 2].any():
        yield (
            2,
            f"angular_z is used in {np.count_nonzero(actions[:, 2])} frames; it is trained only when real_dims has it",
        )


def _classes(episode):
    """A class is one action: the same signs whenever it comes."""
    if episode.classes is None:
        return
    signs = np.sign(episode.actions.round(2)).astype(int)
    seen = {}
    for frame, (number, action) in enumerate(zip(episode.classes, map(tuple, signs), strict=True)):
        if seen.setdefault(number, action) != action:
            yield 2, f"action_classes calls frame {frame} {number}, as a frame with another action before"
            return


def _attributes(episode, attributes):
    frames = attributes.get("num_frames")
    if frames is not None and frames != episode.length:
        yield 2, f"attribute num_frames is {frames!r}, and there are {episode.length} frames"
    name = attributes.get("episode_name")
    if name is not None and name not in (episode.path.stem, episode.name):
        yield 3, f"attribute episode_name is {name!r}: the file was renamed"
    duration = attributes.get("total_duration")
    if duration is not None and not (isinstance(duration, int | float) and duration > 0):
        yield 3, f"attribute total_duration is {duration!r}, expected seconds above 0"
    layout = attributes.get("obstacle_layout_type")
    if isinstance(layout, str) and episode.scenario and layout[:1] in "12" and not _agree(layout, episode.scenario):
        yield 2, f"attribute obstacle_layout_type is {layout!r}, and the name says {episode.scenario}"


def _agree(layout, scenario):
    return set(layout.split("_")) & {"1box", "2box", "hori", "vert", "left", "right"} <= set(scenario.split("_"))


def _events(events, length):
    if events is None:
        return
    if len(events) != length:
        yield 2, f"action_event_types has {len(events)} entries for {length} frames"
    elif START in events[1:]:
        yield 3, f"action_event_types has {START!r} in the middle, expected it first"


def _gaps(times):
    """Say where frames were lost: a window across a gap is longer than any other."""
    steps = np.diff(times or [0])
    late = np.flatnonzero(steps > GAP * np.median(steps)) if len(steps) > 1 else []
    if len(late):
        seen = f"{steps.max():.2g} s after the one before, where {np.median(steps):.2g} s are usual"
        yield 2, f"{_frames(late + 1)} late: {seen}: frames were lost"


def _name(episode):
    name, recorded = NAME.match(episode.path.stem), started(episode)
    if name is None:
        yield 3, "the name is not episode_YYYYMMDD_HHMMSS…: no scenario, date or session can be read from it"
    elif recorded is None:
        yield 3, f"{name['date']}_{name['time']} in the name is no time"
    elif recorded > datetime.now():
        yield 3, f"{recorded} in the name lies in the future"


def _frames(numbers):
    listed = ", ".join(map(str, list(numbers)[:5])) + (" …" if len(numbers) > 5 else "")
    return f"frame{'s' * (len(numbers) > 1)} {listed} {'are' if len(numbers) > 1 else 'is'}"
