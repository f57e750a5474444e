"""Write rosbag2 recordings as episodes: each frame with the velocity that was commanded nearest to it in time."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from robovlms_mobile.errors import DataError
from robovlms_mobile.interchange.bag_reading import (
    COMMANDS,
    IMAGES,
    bags_in,
    opened_bag,
    pictures,
    times,
    topic,
    velocities,
)
from robovlms_mobile.interchange.episode_writing import new_folder, unique, write_episode
from robovlms_mobile.interchange.pairing import Pairs, nearest, runs, thinned

CMD_VEL = "/cmd_vel"


@dataclass(frozen=True)
class BagOptions:
    """How bags become episodes.

    Attributes:
        image_topic: None: the only one with images.
        command_topic: of a Twist or TwistStamped.
        rate: frames a second to keep; None: all.
        within: seconds that frame and command may be apart; frames without a command so near are left out, and where
            they are between others, an episode ends and the next begins.
        instruction: what the robot was told in all of them, or None.
        scenario: for the names, e.g. `1box_hori_left`, or None.

    Raises:
        DataError: `rate` or `within` is not above 0.
    """

    image_topic: str | None = None
    command_topic: str = CMD_VEL
    rate: float | None = None
    within: float = 0.5
    instruction: str | None = None
    scenario: str | None = None

    def __post_init__(self):
        for name, value in (("rate", self.rate), ("within", self.within)):
            if value is not None and not value > 0:
                raise DataError(f"{name} is {value:g}, expected more than 0.")


@dataclass(frozen=True)
class FromBags:
    """What was written. Attributes: left_out: frames without a command near; spread: of the pairs, in words."""

    place: str
    bags: int
    episodes: int
    frames: int
    left_out: int
    spread: str

    def to_json(self) -> dict:
        """Return it as a dict of primitives."""
        return asdict(self)


def import_bags(
    source: str | Path, folder: str | Path, options: BagOptions, progress: Callable[[], object] = lambda: None
) -> FromBags:
    """Write the bags at `source` as episodes into `folder`, which is new or empty; all or none.

    Frames and commands are compared by when the recorder received them: a Twist has no time of its own.

    Raises:
        DataError: no bag, no such topic, nothing to pair, a picture that cannot be decoded, `folder` is not empty.
        MobileError: rosbags is missing.
    """
    bags, taken, pairs, left_out = bags_in(Path(source)), set(), [], 0
    with new_folder(folder) as temporary:
        for bag in bags:
            with opened_bag(bag) as reader:
                own, missed = _episodes(reader, bag, temporary, options, taken)
            pairs, left_out = [*pairs, *own], left_out + missed
            progress()
    every = Pairs(*(np.concatenate([getattr(each, name) for each in pairs]) for name in ("command", "apart")))
    return FromBags(str(folder), len(bags), len(pairs), len(every.apart), left_out, every.spread())


def _episodes(reader: Any, bag: Path, folder: Path, options: BagOptions, taken: set) -> tuple[list[Pairs], int]:
    """Write the episodes of one bag; return their pairs, and how many frames have no command near."""
    images = topic(reader, options.image_topic, IMAGES, "--image-topic")
    commands = topic(reader, options.command_topic, COMMANDS, "--command-topic")
    shown, sent = times(reader, images), times(reader, commands)
    if not len(shown) or not len(sent):
        raise DataError(f"{bag} has {len(shown)} images and {len(sent)} commands.")
    kept, pairs, parts = _paired(shown, sent, bag, options)
    actions, written = velocities(reader, commands), []
    for part in parts:
        numbers, own = kept[part], Pairs(pairs.command[part], pairs.apart[part])
        began = datetime.fromtimestamp(float(shown[numbers[0]]))
        stem = unique("_".join(filter(None, (f"episode_{began:%Y%m%d_%H%M%S}", options.scenario))), taken)
        write_episode(
            folder / f"{stem}.h5",
            pictures(reader, images, numbers.tolist()),
            actions[own.command],
            shown[numbers] - shown[numbers[0]],
            options.instruction,
            bag.name,
            began.isoformat(timespec="seconds"),
        )
        written.append(own)
    return written, len(kept) - sum(len(own.apart) for own in written)


def _paired(
    shown: np.ndarray, sent: np.ndarray, bag: Path, options: BagOptions
) -> tuple[np.ndarray, Pairs, list[slice]]:
    """Return (numbers of the frames kept, their pairs, the stretches of them that have a command near)."""
    kept = thinned(shown, options.rate)
    pairs = nearest(shown[kept], sent)
    parts = runs(np.abs(pairs.apart) <= options.within)
    if not parts:
        near = np.abs(pairs.apart).min()
        fix = "Is it another recording's topic? Else raise --within."
        raise DataError(
            f"{bag}: no two frames have a command within {options.within:g} s; the nearest is {near:.3g} s.", fix
        )
    return kept, pairs, parts
