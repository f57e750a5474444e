"""Divide episodes into training and validation: every scenario on both sides, repeats of one another on one. No files.

Validation measures something only where it differs from what was trained. Two things make it look better than it is,
and both make a group of episodes here: near-duplicates (nearly the same pictures), and the repeats of one recording
session (the same layout, driven again a few minutes later). The same actions alone make no group: there are nine keys,
and a whole scenario may be driven with one sequence of them.

A scenario on one side only is worse still: either it is not trained, or nobody knows how well. So groups stay whole
where that leaves a scenario of two or more episodes on both sides, nearer to its share than not validated at all; else
the scenario is divided in time, its last episodes validate, and one note says what that does to val_loss.
"""

import hashlib
import math
from collections import Counter
from dataclasses import dataclass

import numpy as np

from robovlms_mobile.data.episodes import Episode
from robovlms_mobile.data.split.repeats import chained, copy_pairs, session_pairs
from robovlms_mobile.errors import DataError

SIDES = TRAIN, VALIDATION = "training", "validation"


@dataclass(frozen=True)
class Split:
    """Which episode is used for what.

    Attributes:
        train, validation: names of the episodes, sorted; neither is empty.
        groups: lists of two or more names that repeat one another, all of them on one side.
        notes: what a person should know about it, sentences.
    """

    train: list
    validation: list
    groups: list
    notes: list


def split_stratified(
    episodes: list[Episode],
    train_split: float = 0.8,
    signatures: dict[str, np.ndarray] | None = None,
    seed: int = 0,
    fixed: dict[str, str] | None = None,
) -> Split:
    """Split each scenario at `train_split`, group by group; the same for the same episodes in any order.

    Args:
        episodes: list of `Episode`.
        train_split: share of episodes to train on, between 0 and 1.
        signatures: mapping name → (3, 16, 16) uint8 as `near_duplicates.thumbnails` makes it; None: no look at pixels.
        seed: picks other groups for validation. Not the run's seed: runs would not be comparable.
        fixed: mapping name → "training" or "validation" for episodes that stay where they are; what belongs to their
            group goes with them, where its scenario is on both sides then.

    Raises:
        DataError: one of the sides would be empty.
    """
    names, fixed, strata = sorted(episode.name for episode in episodes), fixed or {}, _strata(episodes)
    copies = copy_pairs(names, signatures)
    groups = chained(names, copies + session_pairs(episodes))
    sides = _place(strata, groups, copies, fixed, train_split, seed)
    if len(set(sides.values())) < 2:  # no scenario has two episodes: hold out whole scenarios
        sides = _place({"all": names}, groups, copies, fixed, train_split, seed)
    train, validation = ([name for name in names if sides[name] == side] for side in SIDES)
    _check(train, validation, train_split)
    whole = [list(group) for group in groups if len(group) > 1 and len({sides[name] for name in group}) == 1]
    return Split(train, validation, whole, _notes(strata, groups, sides, train_split))


def split_sorted(episodes: list[Episode], train_split: float = 0.8) -> Split:
    """Split by name: the first `train_split` of all episodes for training, whatever they show. 136 at 0.8 → 108 and 28.

    Raises:
        DataError: one of the sides would be empty.
    """
    names = sorted(episode.name for episode in episodes)
    count = int(len(names) * train_split)
    _check(names[:count], names[count:], train_split)
    return Split(names[:count], names[count:], [], [])


def _strata(episodes):
    """Return scenario → names of its episodes, both sorted."""
    strata = {}
    for name, scenario in sorted((episode.name, episode.scenario or "no scenario") for episode in episodes):
        strata.setdefault(scenario, []).append(name)
    return dict(sorted(strata.items()))


def _place(strata, groups, copies, fixed, train_split, seed):
    """Return name → side: groups whole first, then what must be divided."""
    names = [name for group in groups for name in group]
    sides = _follow(_follow(fixed, chained(names, copies)), groups)
    quotas = _quotas(strata, train_split, seed)
    for scenario, units in _units(strata, groups, copies, sides).items():
        have = Counter(sides.get(name) for name in strata[scenario])
        units.sort(key=lambda unit: _hash(seed, unit[0]))
        spare = list(units)
        if units and not have[TRAIN]:
            spare.remove(max(units, key=len))  # training keeps at least one
        chosen = _nearest(spare, quotas.get(scenario, 0) - have[VALIDATION])
        sides |= {name: VALIDATION if unit in chosen else TRAIN for unit in units for name in unit}
    for scenario, names in strata.items():
        if len({sides[name] for name in names}) < 2:
            sides |= _divided_in_time(names, copies, fixed, quotas.get(scenario, 0))
    return sides


def _follow(sides, groups):
    """Return `sides` with the rest of each group whose placed members are all on one side."""
    followed = dict(sides)
    for group in groups:
        found = {sides[name] for name in group if name in sides}
        if len(found) == 1:
            followed |= dict.fromkeys((name for name in group if name not in sides), found.pop())
    return followed


def _units(strata, groups, copies, sides):
    """Return scenario → tuples of names to be placed yet: whole groups; of divided ones, each name with its copies.

    What spans several scenarios counts for the most frequent.
    """
    scenario = {name: each for each, names in strata.items() for name in names}
    units = {each: [] for each in strata}
    for group in groups:
        free = [name for name in group if name not in sides]
        for unit in [group] if len(free) == len(group) else chained(free, copies):
            counts = Counter(scenario[name] for name in unit)
            units[min(counts, key=lambda each: (-counts[each], each))].append(unit)
    return units


def _quotas(strata, train_split, seed):
    """Return scenario → how many episodes to validate on, where it has several: by largest remainder, at least 1."""
    sizes = {scenario: len(names) for scenario, names in strata.items() if len(names) > 1}
    total = sum(sizes.values())
    held_out = total - int(total * train_split)  # as `split_sorted` rounds: 28 of 136 at 0.8
    share = {scenario: size * held_out / total for scenario, size in sizes.items()}
    quotas = {scenario: max(1, int(each)) for scenario, each in share.items()}
    while left := held_out - sum(quotas.values()):
        step = 1 if left > 0 else -1
        open_to_it = [each for each in quotas if left > 0 or quotas[each] > 1]
        if not open_to_it:
            break
        quotas[max(open_to_it, key=lambda each: (step * (share[each] - quotas[each]), _hash(seed, each)))] += step
    return quotas


def _nearest(groups, wanted):
    """Return the groups whose sizes add up nearest to `wanted`, the larger of two sums as near; early ones first."""
    most = wanted + max(map(len, groups), default=0)
    sums = {0: None}  # sum → (the sum without its last group, that group)
    for group in groups:
        if wanted in sums:
            break
        for size in [size for size in sums if size + len(group) <= most]:
            sums.setdefault(size + len(group), (size, group))
    best = min(sums, key=lambda size: (abs(size - wanted), -size))
    picked = []
    while sums[best]:
        best, group = sums[best]
        picked.append(group)
    return picked


def _divided_in_time(names, copies, fixed, quota):
    """Return name → side that puts a scenario on both sides: its last free episodes validate; {} where that cannot be.

    Copies of one another stay together unless that leaves a side empty.
    """
    free = [name for name in names if name not in fixed]  # names begin with the time
    held = Counter(fixed[name] for name in names if name in fixed)
    cuts = range(int(not held[TRAIN]), len(free) + 1 - int(not held[VALIDATION]))  # how many of `free` train
    if not cuts:
        return {}
    place = {name: number for number, name in enumerate(free)}
    between = [sorted((place[one], place[other])) for one, other in copies if one in place and other in place]
    torn = {cut for first, last in between for cut in range(first + 1, last + 1)}
    wanted = len(free) - max(0, quota - held[VALIDATION])
    cut = min([each for each in cuts if each not in torn] or cuts, key=lambda each: (abs(each - wanted), -each))
    return {name: TRAIN if number < cut else VALIDATION for name, number in place.items()}


def _notes(strata, groups, sides, train_split):
    """Say what makes val_loss optimistic, which scenarios are on one side only, and a share other than asked for."""
    notes = []
    torn = [group for group in groups if len({sides[name] for name in group}) > 1]
    if torn:
        what = f"{len(torn)} recording session{'s' * (len(torn) > 1)} or set{'s' * (len(torn) > 1)} of near-duplicates"
        notes.append(
            f"val_loss is optimistic: {what} had to be divided, the earlier part trains and the last validates, e.g. "
            f"the {len(torn[0])} episodes from {torn[0][0]} on. Record each scenario in one more session."
        )
    alone = {side: [each for each in strata if {sides[name] for name in strata[each]} == {side}] for side in SIDES}
    for side, what_not in ((TRAIN, "validated, too few episodes"), (VALIDATION, "trained, nothing else to hold out")):
        if alone[side]:
            what = ", ".join(f"{each} ({len(strata[each])})" for each in alone[side])
            notes.append(f"Not {what_not}: {what}. Record more episodes of each.")
    return [*notes, *_other_share(strata, sides, train_split)]


def _other_share(strata, sides, train_split):
    """Say why another share validates than asked for, and what would change that."""
    asked, got = len(sides) - int(len(sides) * train_split), list(sides.values()).count(VALIDATION)
    if abs(got - asked) <= max(1, len(sides) // 20):
        return
    held = [count for names in strata.values() if (count := [sides[name] for name in names].count(VALIDATION))]
    if got > asked and max(held) == 1:
        enough = math.ceil(round(1 / (1 - train_split), 6))  # 5 at 0.8, whose difference from 1 is a little below 0.2
        why = f"each of {len(held)} scenarios keeps one for it. Record at least {enough} episodes of each scenario"
    else:
        why = "the episodes of a recording session stay on one side. Record each scenario in more sessions"
    what = f"{got} of {len(sides)} episodes validate, not {asked} as train_split {train_split:g} says"
    yield f"{what}: {why} to get that share."


def _check(train, validation, train_split):
    if train and validation:
        return
    count = len(train) + len(validation)
    raise DataError(
        f"{count} episodes at train_split {train_split} give {len(train)} for training and {len(validation)} for "
        "validation, expected at least 1 each.",
        "Record more episodes"
        + (", or delete the split file kept for this data, which has all of these on one side." if count > 1 else "."),
    )


def _hash(seed, text):
    return hashlib.blake2b(f"{seed}/{text}".encode(), digest_size=8).digest()
