"""Whether a policy does one thing whatever it is shown. Pure arrays; each answer is a reason and a next step."""

from collections import defaultdict

import numpy as np

from robovlms_mobile.data.directions import DIRECTIONS
from robovlms_mobile.scoring.scored import Scored, recorded_and_predicted

ONE = 0.95  # share of the frames from which on one direction is all that a policy knows
VARIED = 0.90  # share up to which the recorded actions are more varied than that
BLIND = 0.01  # of the usual speed: below it predictions of different pictures are alike


def one_direction(episodes: list[Scored], dims: tuple[str, ...], speed: float) -> str | None:
    """Return what is wrong where one direction is predicted at nearly all frames, while other ones were recorded."""
    pairs = [recorded_and_predicted(each, dims, speed) for each in episodes]
    actual, guessed = (np.concatenate(each) for each in zip(*pairs, strict=True))
    most = int(np.bincount(guessed).argmax())
    share, recorded = float((guessed == most).mean()), float((actual == most).mean())
    if share < ONE or np.bincount(actual).max() / len(actual) > VARIED:
        return None
    from robovlms_mobile.training.watch.unmoved import one_thing

    return one_thing(DIRECTIONS[most].label, share, recorded)


def no_reaction(episodes: list[Scored], instructions: dict[str, str], speed: float) -> str | None:
    """Return what is wrong where predictions are alike in all episodes at the same frame under the same instruction.

    Args:
        episodes: what was predicted.
        instructions: name of an episode → its instruction. One that no other episode has tells nothing.
        speed: the usual one, m/s.
    """
    groups = defaultdict(list)
    for each in episodes:
        groups[instructions[each.name]].append(each)
    spreads, recorded = [], []
    for group in groups.values():
        for frame in range(sorted(len(each.actual) for each in group)[-2] if len(group) > 1 else 0):
            there = [each for each in group if len(each.actual) > frame]
            spreads.append(np.std([each.first[frame] for each in there], axis=0).max())
            recorded.append(np.std([each.actual[frame] for each in there], axis=0).max())
    if not spreads or np.mean(spreads) >= BLIND * speed or np.mean(recorded) < BLIND * speed:
        return None
    from robovlms_mobile.training.watch.unreacting import no_look

    return no_look(float(np.mean(spreads)), float(np.mean(recorded)))
