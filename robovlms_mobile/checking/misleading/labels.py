"""Do the recorded actions say what the pictures and the names show? Signs of linear_y and angular_z."""

from collections.abc import Iterator

import numpy as np

from robovlms_mobile.checking.misleading.evidence import Evidence, listed
from robovlms_mobile.data.names import ACTION_DIMS
from robovlms_mobile.data.one_side import WORDS, aside, signs
from robovlms_mobile.findings import Finding

DIMS = {1: 2, 2: 1}  # a column of actions whose sign the pictures show, and the one that must not move then
SURE = 0.5  # how far the bands of a picture must agree to count
VOTES = 4  # frames that must say something of an episode
WRONG = 0.2  # share of those that agree with the actions, up to which an episode contradicts them
RIGHT = 0.8  # and from which it bears them out
AGAINST_NAME = 0.15  # share of the episodes that may begin to the other side than their scenario's
FIRST = 3  # moves aside that say which side an episode begins to


def contradicted(evidence: Evidence) -> Iterator[Finding]:
    """Yield where the scene moves the other way than the actions say: in all, in some, or in two conventions."""
    for column, other in DIMS.items():
        shares = {
            episode.name: share
            for episode in evidence.episodes
            if (share := agreement(episode.actions, evidence.motion.get(episode.name), column, other)) is not None
        }
        wrong = [name for name, share in shares.items() if share <= WRONG]
        right = [name for name, share in shares.items() if share >= RIGHT]
        if wrong:
            yield _finding(ACTION_DIMS[column], wrong, right, len(shares), evidence.where)


def agreement(actions: np.ndarray, moved: np.ndarray | None, column: int, other: int) -> float | None:
    """Return the share of frames whose picture moves as a column of their action says; None where too few say.

    Args:
        actions: (T, 3).
        moved: (T - 1,), see `motion.motion`.
        column: the one whose sign is asked for, where `other` does not move.
    """
    if moved is None:
        return None
    sign = signs(actions)[: len(moved)]
    told = (sign[:, column] != 0) & (sign[:, other] == 0) & (np.abs(np.nan_to_num(moved)) >= SURE)
    if told.sum() < VOTES:
        return None
    return float((np.sign(moved[told]) == sign[told, column]).mean())


def _finding(dim, wrong, right, judged, where):
    said = f"{dim} is against the motion in the pictures in {len(wrong)} of {judged} episodes that show one"
    if len(wrong) > 1 and len(right) > 1:
        what = f"two sign conventions of {dim}: {said}, and with it in {len(right)}: {listed(wrong)}"
        fix = f"find which recorder wrote them, and turn the sign of {dim} there (or mirror its pictures)"
    elif right:
        what, fix = f"{said}: {listed(wrong)}", "look at them, and leave them out or correct their actions"
    else:
        what = f"{said}: left is recorded as right, or the pictures are mirrored"
        fix = f"turn the sign of {dim} in the files: + is left, seen by the robot"
    return Finding("error", what, where, fix)


def against_the_names(evidence: Evidence) -> Iterator[Finding]:
    """Yield where many episodes begin to the other side than their scenario says."""
    named = {}
    for episode in evidence.episodes:
        sides = [WORDS[word] for word in (episode.scenario or "").split("_") if word in WORDS]
        moves = aside(episode.actions)
        if sides and (begins := int(np.sign(moves[moves != 0][:FIRST].sum()))):
            named[episode.name] = begins == sides[0]
    wrong = [name for name, fits in named.items() if not fits]
    if evidence.enough and len(wrong) > 1 and len(wrong) >= AGAINST_NAME * len(named):
        what = f"{len(wrong)} of {len(named)} episodes begin to the other side than their scenario: {listed(wrong)}"
        fix = "look whether two recorders differ in the sign of linear_y, or whether files were named wrongly"
        yield Finding("error", what, evidence.where, fix)


def partly_shifted(evidence: Evidence) -> Iterator[Finding]:
    """Yield that in some files, by their own word, a frame has the action after its own, and in others its own."""
    shifted = [each.name for each in evidence.episodes if each.shifted]
    if shifted and len(shifted) < len(evidence.episodes):
        what = f"{len(shifted)} of {len(evidence.episodes)} files are shifted by a frame already: {listed(shifted)}"
        fix = 'set "shift_first": true in both dataset blocks, which shifts the others alone, or leave these out'
        yield Finding("warn", what, evidence.where, fix)
