"""Which recording sources a folder has, and for each of them whether it is RGB or BGR, with what confidence."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from glob import escape, glob
from math import exp
from pathlib import Path

from robovlms_mobile.data.circumstances import NAME, started
from robovlms_mobile.data.colours.hues import Look, look_at, ratios
from robovlms_mobile.data.episodes import Episode
from robovlms_mobile.errors import DataError

SURE = 0.95  # from which an order is decided
LEANS = 0.51  # towards the other order, from which a source does not follow the others of its layout
LOOKED_AT, IN_ALL = 24, 96  # episodes of a source, of a folder


@dataclass(frozen=True)
class Source:
    """Episodes that one recorder wrote on one day.

    Attributes:
        episodes: of one folder, day and layout, by name; all of them say their order, the same one, or none does.
        name: what to call it.
        told: the order that the files say, None where they are silent.
        chance: probability that they are RGB, by their pixels.
        evidence: kind → log-likelihood ratio, as `hues.ratios` gives it.
    """

    episodes: tuple
    name: str
    told: str | None
    chance: float = 0.5
    evidence: dict = field(default_factory=dict)

    @property
    def decided(self) -> str | None:
        """Return "rgb" or "bgr", by the pixels; None: undecided."""
        return "rgb" if self.chance >= SURE else "bgr" if self.chance <= 1 - SURE else None

    @property
    def files(self) -> str:
        """Return a glob of the files, as far as their names tell them from others."""
        day = self.episodes[0].name.split("_")[1] if NAME.match(self.episodes[0].path.stem) else ""
        return str(Path(escape(str(self.episodes[0].path.parent))) / (f"episode_{day}_*.h5" if day else "*.h5"))

    @property
    def is_apart(self) -> bool:
        """Whether `files` finds none but these: a command that writes into them spoils no others."""
        return set(map(Path, glob(self.files))) <= {each.path for each in self.episodes}

    def __str__(self) -> str:
        """`2026-07-01, images, 1280x720 (225 files): undecided, 62% rgb`."""
        likelier = f"{max(self.chance, 1 - self.chance):.0%} {'rgb' if self.chance >= 0.5 else 'bgr'}"
        found = f"pixels say {likelier}" if self.decided else f"undecided, {likelier}" if self.evidence else ""
        told = f"files say {self.told}" if self.told else ""
        return f"{self.name} ({len(self.episodes)} files): {', '.join(filter(None, (told, found)))}"


def sources_of(
    episodes: Iterable[Episode],
    instruction: object = None,
    doubt: bool = False,
    look: Callable[[Episode, str], Look] = look_at,
) -> list[Source]:
    """Look at a few episodes of every source and decide.

    What a day alone does not tell, all days of its layout together may, where none of them says otherwise.

    Args:
        episodes: of one folder.
        instruction: the dataset block's.
        doubt: look also at files that say their order, though all do.
        look: how an episode is looked at, with what the robot is told in it.
    """
    groups: dict[tuple, list] = {}
    for episode in episodes:
        groups.setdefault((_layout(episode), _day(episode)), []).append(episode)
    if not doubt and all(layout[0] for layout, _ in groups):
        return [_source(key, group, [], []) for key, group in groups.items()]
    each_of = max(2, min(LOOKED_AT, IN_ALL // max(len(groups), 1)))
    looks = {key: _looks(group, each_of, instruction, look) for key, group in groups.items()}
    told = [look for (layout, _), found in looks.items() if layout[0] for look in found]
    alone = {key: _source(key, group, looks[key], told) for key, group in groups.items()}
    days: dict[tuple, list] = {}
    for key in alone:
        days.setdefault(key[0], []).append(key)
    together = {
        layout: _source(keys[0], [], [look for key in keys for look in looks[key]], told)
        for layout, keys in days.items()
    }
    return [
        _following(one, together[layout], [alone[key] for key in days[layout]]) for (layout, _), one in alone.items()
    ]


def agreed(sources: Sequence[Source]) -> tuple[str | None, float]:
    """Return (order, confidence) of all silent files; (None, …) where they disagree or one source is undecided."""
    silent = [each for each in sources if each.told is None]
    orders = {each.decided for each in silent} or {"rgb"}  # nobody asks where all files say
    sure = min((max(each.chance, 1 - each.chance) for each in silent), default=1.0)
    return orders.pop() if len(orders) == 1 else None, sure


def _layout(episode):
    digits = len(episode.name.removeprefix("episode_").partition("_")[0])  # collectors write the year in full or not
    return episode.color_order, str(episode.path.parent), episode.images_key, tuple(episode.size or ()), digits


def _day(episode):
    moment = started(episode)
    return moment and f"{moment:%Y-%m-%d}"


def _looks(group, most, instruction, look):
    found = []
    for number in sorted({round(i * (len(group) - 1) / max(1, most - 1)) for i in range(most)}):
        text = instruction if isinstance(instruction, str) else group[number].instruction or ""
        with suppress(DataError):  # what is damaged is said elsewhere
            found.append(look(group[number], text))
    return found


def _source(key, group, looks, told):
    (order, _, images, size, _), day = key
    name = ", ".join(filter(None, (day, images, "{}x{}".format(*size) if size else "")))
    evidence = ratios(looks, [] if order else told) if looks else {}
    sign = -1 if order == "bgr" else 1  # those were looked at as they say
    return Source(tuple(group), name, order, 1 / (1 + exp(-sign * sum(evidence.values()))), evidence)


def _following(one, together, every):
    """Return a source, an undecided one with the order of its layout where that is clear."""
    other = {"rgb": "bgr", "bgr": "rgb"}.get(together.decided)
    against = one.chance if other == "rgb" else 1 - one.chance
    if one.decided or other is None or against >= LEANS or other in [each.decided for each in every]:
        return one
    return replace(one, chance=together.chance, evidence=together.evidence)
