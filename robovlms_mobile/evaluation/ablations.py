"""What a policy does when it is told or shown something else: whether it listens and looks at all."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from robovlms_mobile.data.augment.mirror import mirror_instruction
from robovlms_mobile.evaluation.offline import Policy, Shown, ask
from robovlms_mobile.scoring.figures import paired_change, with_intervals
from robovlms_mobile.scoring.scored import Scored

LEAST = 2  # episodes for an interval


def _swapped(episodes):
    """Left and right exchanged; None for an instruction that has neither, or where it is in doubt what it says."""
    texts = [mirror_instruction(each.instruction, None) for each in episodes]
    return [None if text == each.instruction else text for text, each in zip(texts, episodes, strict=True)]


def _others(episodes):
    """The frames of another episode, in an order of chance: each once, none its own."""
    order = np.random.default_rng(0).permutation(len(episodes))
    frames = dict(zip(order, [episodes[number].frames for number in np.roll(order, 1)], strict=True))
    return [frames[number] for number in range(len(episodes))]


TOLD: dict[str, Callable] = {
    "instruction_swapped": _swapped,
    "instruction_empty": lambda episodes: ["" if each.instruction else None for each in episodes],
}
SHOWN: dict[str, Callable] = {
    "image_black": lambda episodes: [np.zeros_like(each.frames) for each in episodes],
    "image_shuffled": _others,
    "image_first_frame": lambda episodes: [each.frames[:1] for each in episodes],
    "image_bgr": lambda episodes: [each.frames[..., ::-1] for each in episodes],
}
ABLATIONS = (*TOLD, *SHOWN)


def ablate(
    policy: Policy, episodes: Sequence[Shown], own: Sequence[Scored], dims: tuple[str, ...], speed: float
) -> dict[str, dict[str, Any] | None]:
    """Evaluate a policy once more under each of ABLATIONS.

    Args:
        policy: a `Policy`.
        episodes: two or more.
        own: what it predicted for them undisturbed, see `offline.ask`.
        dims, speed: as in `scoring.figures`.

    Returns:
        name → dict, or None where fewer than two episodes can be changed so (no instruction with left or right). The
        dict: figures with intervals; `change`: by how much they lie above the undisturbed ones, episode for episode;
        `reaction`, m/s: how far the predictions themselves moved, right or wrong. Only episodes that can be changed
        count, on both sides.
    """
    told = {name: (make(episodes), None) for name, make in TOLD.items()}
    shown = {name: (None, make(episodes)) for name, make in SHOWN.items()}
    return {name: _measured(policy, episodes, own, *given, dims, speed) for name, given in {**told, **shown}.items()}


def _measured(policy, episodes, own, told, shown, dims, speed):
    kept = [n for n in range(len(episodes)) if told is None or told[n] is not None]
    if len(kept) < LEAST:
        return None
    told, shown = (None if each is None else [each[n] for n in kept] for each in (told, shown))
    before, after = [own[n] for n in kept], ask(policy, [episodes[n] for n in kept], told, shown)
    moved = with_intervals(
        [Scored(a.name, a.scenario, b.predicted, a.first, a.period) for a, b in zip(before, after, strict=True)],
        dims,
        speed,
    )
    return {
        **with_intervals(after, dims, speed),
        "change": paired_change(before, after, dims, speed),
        "reaction": moved["mae"],
        "reaction_ci95": moved["mae_ci95"],
    }
