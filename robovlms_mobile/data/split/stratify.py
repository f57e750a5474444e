"""Divide episodes into training and validation by scenario, so that repeats of one another stay together. No files.

Validation measures something only where it differs from what was trained. Two things make it look better than it is,
and both keep episodes in one group here: near-duplicates (nearly the same pictures), and the repeats of one recording
session (the same layout, driven again a few minutes later). The same actions alone make no group: there are nine keys,
and a whole scenario may be driven with one sequence of them.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

from robovlms_mobile.data.episodes import NAME
from robovlms_mobile.data.split.near_duplicates import similar_pairs
from robovlms_mobile.data.windows import split_episodes
from robovlms_mobile.errors import DataError

SESSION = timedelta(minutes=5)  # between the starts of an episode and its repeat; a chain of them is one session
SIDES = TRAIN, VALIDATION = "training", "validation"


@dataclass(frozen=True)
class Split:
    """Which episode is used for what.

    Attributes:
        train, validation: names of the episodes, sorted; neither is empty.
        groups: lists of two or more names that belong together.
        notes: what a person should know about it, sentences.
    """

    train: list
    validation: list
    groups: list
    notes: list


def split_stratified(episodes, train_split=0.8, signatures=None, seed=0, fixed=None):
    """Split each scenario at `train_split`, group by group; the same for the same episodes in any order.

    Args:
        episodes: list of `Episode`.
        train_split: share of episodes to train on, between 0 and 1.
        signatures: mapping name → (3, 16, 16) uint8 as `FrameStore.signature` gives it; None: no look at pixels.
        seed: picks other groups for validation. Not the run's seed: runs would not be comparable.
        fixed: mapping name → "training" or "validation" for episodes that stay where they are; what belongs to their
            group goes with them.

    Returns:
        Split

    Raises:
        DataError: one of the sides would be empty.
    """
    groups = group_episodes(episodes, signatures)
    sides, notes = _follow(groups, fixed or {})
    strata = _strata(groups, episodes)
    chosen = _choose(strata, sides, train_split, seed)
    if not chosen and VALIDATION not in sides.values():
        chosen = _any(strata, sides, train_split, seed)
    for group in groups:
        sides.setdefault(group, VALIDATION if group in chosen else TRAIN)
    of = {name: sides[group] for group in groups for name in group} | (fixed or {})
    names = {side: sorted(name for group in groups for name in group if of[name] == side) for side in SIDES}
    split = Split(*names.values(), [list(group) for group in groups if len(group) > 1], notes + _notes(strata, sides))
    _check(split, train_split)
    return split


def split_sorted(episodes, train_split=0.8):
    """Split by name: the first `train_split` of all episodes for training, whatever they show. Returns Split."""
    train, validation = split_episodes(sorted(episode.name for episode in episodes), train_split)
    return Split(train, validation, [], [])


def group_episodes(episodes, signatures=None):
    """Return every episode in exactly one group: list of tuples of names, both sorted.

    One group: episodes of the same scenario, pattern and distance that were started within SESSION of one another,
    chained; episodes started in the same second (copies, relabelled or not); near-duplicates by signature. Repeats
    are known by their names only, so episodes without a scenario in it are grouped by second and pixels.
    """
    names = {episode.name for episode in episodes}
    pairs = _sessions(sorted(names))
    if signatures is not None:
        pairs += similar_pairs({name: signatures[name] for name in names if name in signatures})
    leader = {name: name for name in names}

    def find(name):
        while leader[name] != name:
            leader[name] = name = leader[leader[name]]
        return name

    for one, other in pairs:
        leader[max(find(one), find(other))] = min(find(one), find(other))
    groups = {}
    for name in sorted(names):
        groups.setdefault(find(name), []).append(name)
    return [tuple(group) for group in groups.values()]


def _sessions(names):
    """Return the pairs of neighbours in time that belong to one session."""
    layouts, seconds = {}, {}
    for name in names:
        match = NAME.match(Path(name).stem)
        if match is None:
            continue
        seconds.setdefault((match["date"], match["time"]), []).append(name)
        started = _moment(match["date"] + match["time"])
        if match["scenario"] and started:
            layouts.setdefault((match["scenario"], match["pattern"], match["distance"]), []).append((started, name))
    pairs = [pair for same in seconds.values() for pair in pairwise(same)]
    for layout in layouts.values():
        layout.sort()
        for (before, one), (after, other) in pairwise(layout):
            if after - before <= SESSION:
                pairs.append((one, other))
    return pairs


def _moment(digits):
    try:
        return datetime.strptime(digits, "%Y%m%d%H%M%S")
    except ValueError:  # digits that are no time of day, in a name somebody made up
        return None


def _strata(groups, episodes):
    """Return scenario → its groups, in order of scenarios; a group of several counts for the most frequent."""
    scenario = {episode.name: episode.scenario or "no scenario" for episode in episodes}
    strata = {}
    for group in groups:
        counts = Counter(scenario[name] for name in group)
        strata.setdefault(min(counts, key=lambda each: (-counts[each], each)), []).append(group)
    return dict(sorted(strata.items()))


def _follow(groups, fixed):
    """Return group → side for the groups that have a fixed member, and a note about those that have them on both."""
    sides, torn = {}, []
    for group in groups:
        counts = Counter(fixed[name] for name in group if name in fixed)
        if counts:
            sides[group] = TRAIN if counts[TRAIN] >= counts[VALIDATION] else VALIDATION
        if len(counts) > 1:
            torn.append(group)
    if not torn:
        return sides, []
    return sides, [
        f"{len(torn)} groups of repeats are in training and validation alike since an earlier split, e.g. "
        f"{', '.join(torn[0][:4])}: val_loss looks better than it is. Split afresh, stratified, to have them apart."
    ]


def _choose(strata, sides, train_split, seed):
    """Return the set of groups for validation, each scenario as near to its share as its groups allow."""
    chosen, carry = set(), 0
    for scenario, quota in _quotas(strata, sides, train_split, seed).items():
        groups = strata[scenario]
        have = sum(len(group) for group in groups if sides.get(group) == VALIDATION)
        wanted = quota - have + carry
        picked = _nearest(_spare(groups, sides, seed), wanted)
        carry = max(-1, min(1, wanted - sum(map(len, picked))))  # rounding only, never a whole session
        chosen |= set(picked)
    return chosen


def _spare(groups, sides, seed):
    """Return the groups of a scenario that validation may have, in a seeded order: training keeps at least one."""
    free = sorted((group for group in groups if group not in sides), key=lambda group: _hash(seed, group[0]))
    if free and not any(sides.get(group) == TRAIN for group in groups):
        free.remove(max(free, key=len))
    return free


def _quotas(strata, sides, train_split, seed):
    """Return scenario → how many episodes to validate on, for scenarios with a group to spare: by largest remainder."""
    sizes = {scenario: sum(map(len, groups)) for scenario, groups in strata.items() if _spare(groups, sides, seed)}
    total = sum(sizes.values())
    held_out = total - int(total * train_split)  # as `split_episodes` rounds: 28 of 136 at 0.8
    share = {scenario: size * held_out / total for scenario, size in sizes.items()}
    quotas = {scenario: int(each) for scenario, each in share.items()}
    left = held_out - sum(quotas.values())
    by_remainder = sorted(share, key=lambda each: (quotas[each] - share[each], _hash(seed, each)))
    return {scenario: count + (scenario in by_remainder[:left]) for scenario, count in quotas.items()}


def _any(strata, sides, train_split, seed):
    """Return groups for validation where no scenario can be divided: whole groups, as many as the share allows."""
    groups = [group for each in strata.values() for group in each]
    free = [group for each in strata.values() for group in _spare(each, sides, seed)] or _spare(groups, sides, seed)
    count = sum(map(len, groups))
    allowed = count - int(count * train_split)
    fitting = _nearest(sorted(free, key=lambda group: _hash(seed, group[0])), allowed, at_most=allowed)
    return set(fitting or sorted(free, key=len)[:1])


def _nearest(groups, wanted, at_most=None):
    """Return the groups whose sizes add up nearest to `wanted`, the larger of two sums as near; early ones first."""
    most = wanted + max(map(len, groups), default=0) if at_most is None else at_most
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


def _notes(strata, sides):
    """Say which scenarios are only on one side, and why."""
    notes = []
    whole = {scenario: {sides[group] for group in groups} for scenario, groups in strata.items()}
    counts = {scenario: sum(map(len, groups)) for scenario, groups in strata.items()}
    listed = [each for each in strata if whole[each] == {TRAIN} and len(strata[each]) == 1]
    if listed:
        what = ", ".join(f"{each} ({counts[each]})" for each in listed)
        notes.append(f"Not validated, each being one recording session: {what}. Record one more session of each.")
    listed = [each for each in strata if whole[each] == {TRAIN} and len(strata[each]) > 1]
    if listed:
        what = ", ".join(f"{each} ({counts[each]} in {len(strata[each])} groups)" for each in listed)
        notes.append(f"Not validated, too few episodes or too large groups: {what}.")
    listed = [each for each in strata if whole[each] == {VALIDATION}]
    if listed:
        what = ", ".join(f"{each} ({counts[each]})" for each in listed)
        notes.append(f"Not trained, for there was nothing else to validate on: {what}. Record another session.")
    return notes


def _check(split, train_split):
    if split.train and split.validation:
        return
    count = len(split.train) + len(split.validation)
    raise DataError(
        f"{count} episodes at train_split {train_split} give {len(split.train)} for training and "
        f"{len(split.validation)} for validation, expected at least 1 each: "
        + ("they repeat one another, being one recording session or the same pictures" if count > 1 else "too few")
        + '. Record another session, or set "split": "sorted" in both dataset blocks to divide them by name anyway.'
    )


def _hash(seed, text):
    return hashlib.blake2b(f"{seed}/{text}".encode(), digest_size=8).digest()
