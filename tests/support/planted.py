"""Sets of synthetic episodes in memory: clean ones, and what to plant in them that misleads."""

from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np

from robovlms_mobile.checking.misleading.evidence import Evidence, texts_of
from robovlms_mobile.checking.misleading.motion import motion
from robovlms_mobile.data.block import Block
from robovlms_mobile.data.colours.hues import seen
from robovlms_mobile.data.colours.sources import sources_of
from robovlms_mobile.data.episodes import Episode
from robovlms_mobile.data.split.stratify import split_stratified
from robovlms_mobile.simulation.driver import SPEED, STEP
from robovlms_mobile.simulation.recordings import simulate_episode

SIZE, FRAMES, COUNT = (128, 72), 24, 40


@dataclass(frozen=True)
class Filmed:
    """An episode with its frames, (T, 3, H, W) uint8, and the motion in them, (T - 1,)."""

    episode: Episode
    frames: np.ndarray
    moved: np.ndarray


def write(folder, films):
    """Write a set as files, as the collector does."""
    folder.mkdir(parents=True, exist_ok=True)
    for each in films:
        with h5py.File(folder / each.episode.name, "w") as file:
            file["images"] = np.moveaxis(each.frames, 1, -1)
            file["actions"] = each.episode.actions
            file.attrs["total_duration"] = each.episode.seconds
            file.attrs.update({"color_order": each.episode.color_order} if each.episode.color_order else {})
            if each.episode.instruction:
                file["language_instruction"] = [each.episode.instruction]


def filmed(index, seed=0, **options):
    """One episode whose actions are how it really moved: every speed is its own, as a joystick's."""
    made = simulate_episode(index, seed, SIZE, FRAMES, **options)
    actions = made.actions.copy()
    turn = np.exp(-1j * made.poses[0, 2])
    moved = np.diff(made.poses[:, :2], axis=0) @ [1, 1j] * turn * SPEED / STEP  # linear_x + j linear_y
    actions[:-1, 0], actions[:-1, 1] = moved.real, moved.imag
    episode = Episode(
        path=Path(f"{made.name}.h5"),
        images_key="images",
        length=FRAMES,
        actions=actions,
        instruction=made.instruction,
        scenario=made.world.scenario,
        size=SIZE,
        seconds=made.attributes["total_duration"],
        color_order=made.attributes["color_order"],
    )
    return shown(episode, np.moveaxis(made.images, -1, 1))


def shown(episode, frames):
    """An episode with other frames."""
    return Filmed(episode, frames, motion(frames))


def clean_set(seed=0, count=COUNT):
    """`count` episodes, all eight scenarios in turn."""
    return [filmed(index, seed) for index in range(count)]


def varied_set(seed):
    """A clean set as a lab has it: 16 to 48 episodes, dim or bright, in flickering light, with a noisy camera."""
    rng = np.random.default_rng([seed, 5])
    told, count = str(rng.choice(["some", "all", "none"])), rng.integers(16, 49)
    return [_in_other_light(filmed(index, seed, instructions=told), rng) for index in range(count)]


def _in_other_light(film, rng):
    gain = rng.uniform(0.4, 1.2) * rng.normal(1, 0.04, (FRAMES, 1, 1, 1))
    noise = rng.normal(0, rng.uniform(0, 6), film.frames.shape)
    return shown(film.episode, np.clip(film.frames * gain + noise, 0, 255).astype(np.uint8))


def evidence(films, option=None, split=None, color_order=""):
    """The Evidence of a set, its split as a run would have it."""
    episodes = sorted((each.episode for each in films), key=lambda each: each.name)
    return Evidence(
        episodes,
        "the folder",
        texts_of(episodes, Block("the folder", instruction=option)),
        split or split_stratified(episodes),
        {each.episode.name: each.moved for each in films},
        sources=sources(films),
        color_order=color_order,
    )


def sources(films):
    """Who recorded a set, as its pictures tell it."""
    frames = {each.episode.name: each.frames for each in films}

    def look(episode, text):
        order = -1 if episode.color_order == "bgr" else 1
        return seen([np.moveaxis(frames[episode.name][number], 0, -1)[..., ::order] for number in (0, 12)], text)

    return sources_of([each.episode for each in films], doubt=True, look=look)


def swapped(film, **fields):
    """A film with red and blue swapped, and other fields of its Episode."""
    return changed(replace(film, frames=film.frames[:, ::-1]), **fields)


def changed(film, **fields):
    """The same film with other fields of its Episode."""
    return replace(film, episode=replace(film.episode, **fields))


def turned(film, column=1):
    """The same film with the sign of one column of its actions turned."""
    actions = film.episode.actions.copy()
    actions[:, column] *= -1
    return changed(film, actions=actions)
