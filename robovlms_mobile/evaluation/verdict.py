"""Say in sentences what figures mean. Each sentence is decided by an interval, never by a figure alone."""

from typing import Any

from robovlms_mobile.evaluation.offline import Shown
from robovlms_mobile.evaluation.rollout import wilson

HIGHER_IS_BETTER = {
    "mae": False,
    "direction_accuracy": True,
    "balanced_direction_accuracy": True,
    "change_accuracy": True,
    "stop_recall": True,
    "final_position_error": False,
}
WORDS = {
    "mae": "error",
    "direction_accuracy": "direction",
    "balanced_direction_accuracy": "balanced direction",
    "change_accuracy": "changes of direction",
    "stop_recall": "stops",
    "final_position_error": "final position",
}
DECIDE = ("mae", "direction_accuracy")  # by which of these a changed input is better or worse
FEW = 5  # episodes: an interval from fewer says nothing
CONSTANT = 0.02  # of the usual speed: predictions that spread less are all alike
ONE_DIRECTION = 0.9  # share of frames
COUNTED = 0.95  # share of the variance that frame numbers explain
DEAF = 0.05  # of the usual speed: predictions that move less are the same


def verdict(info: dict[str, Any], episodes: list[Shown]) -> list[str]:
    """Return what a person should know of a policy, worst first.

    Args:
        info: `overall`, `behaviour`, `ablations`, `baselines` and `settings.speed` of an evaluation.
        episodes: those it is about.
    """
    said = [_one_instruction(episodes)]
    if len(episodes) < FEW:
        few = f"{len(episodes)} episode{'s are' if len(episodes) > 1 else ' is'} too few for a verdict"
        return [*filter(None, said), f"{few}: at least {FEW} are needed for an interval that means something"]
    speed, ablations = info["settings"]["speed"], info["ablations"]
    said += _habits(info["behaviour"], speed)
    said += [_stop(info["behaviour"]["stops"]), _listens(ablations, speed), _looks(ablations), _colours(ablations)]
    said += _beats(info["baselines"])
    return [*filter(None, said)]


def better(change: dict[str, Any], name: str) -> bool:
    """Whether a paired change of a figure is one for the better, by its whole interval."""
    low, high = change[f"{name}_ci95"]
    return low is not None and (low > 0 if HIGHER_IS_BETTER[name] else high < 0)


def worse(change: dict[str, Any], name: str) -> bool:
    """Whether a paired change of a figure is one for the worse, by its whole interval."""
    low, high = change[f"{name}_ci95"]
    return low is not None and (high < 0 if HIGHER_IS_BETTER[name] else low > 0)


def is_worse(ablation: dict[str, Any]) -> bool:
    """Whether an ablation made a policy worse: what was taken away or exchanged is used."""
    return any(worse(ablation["change"], name) for name in DECIDE)


def is_better(ablation: dict[str, Any]) -> bool:
    """Whether an ablation made a policy better, and in nothing worse."""
    return any(better(ablation["change"], name) for name in DECIDE) and not is_worse(ablation)


def _one_instruction(episodes):
    told = {each.instruction for each in episodes}
    if len(told) > 1 or len(episodes) == 1:
        return None
    sides = {side for each in episodes for side in ("left", "right") if side in each.scenario.split("_")}
    both = ", though some of them go left and some right: that cannot be learned" if len(sides) == 2 else ""
    return f"every episode has one instruction, «{told.pop()}»{both}"


def _habits(seen, speed):
    """Constant, one direction, the frame's number, the action before."""
    if seen["spread_ci95"][1] < CONSTANT * speed:
        return [f"is constant: all predictions are within {seen['spread']:.3f} m/s of one another"]
    said = []
    if seen["share_ci95"][0] >= ONE_DIRECTION and seen["share_ci95"][0] > seen["recorded_share_ci95"][1]:
        said += [
            f"one direction for {seen['share']:.0%} of frames ({_span(seen['share_ci95'], '.0%')}): "
            f"{seen['direction']}; the commonest recorded one has {seen['recorded_share']:.0%}"
        ]
    counted, recorded = seen["by_frame_number_ci95"], seen["recorded_by_frame_number_ci95"]
    if counted[0] >= COUNTED and counted[0] > recorded[1]:
        said += [
            f"counts frames: the frame's number alone explains {seen['by_frame_number']:.0%} "
            f"({_span(counted, '.0%')}) of what it predicts, and {seen['recorded_by_frame_number']:.0%} of the recorded"
        ]
    if seen["error_to_previous_ci95"][1] < seen["error_after_first_ci95"][0] / 2:
        said += [
            f"repeats the previous action: {seen['error_to_previous']:.3f} m/s from the action before, "
            f"{seen['error_after_first']:.3f} m/s from the one that was due"
        ]
    return said


def _stop(stops):
    """Whether a robot would ever stop by itself."""
    if not stops["recorded"]:
        return "whether it stops cannot be told: no stop after the first frame was recorded"
    if stops["right"]:
        return None
    share = wilson(0, stops["episodes"])[1]
    what = "stop is never predicted" if not stops["predicted"] else "stop is never predicted where it was recorded"
    return (
        f"{what}: 0 of {stops['recorded']} after the first frame, in 0 of {stops['episodes']} episodes that have one "
        f"(in at most {share:.0%}, 95 %)"
    )


def _listens(ablations, speed):
    swapped = ablations["instruction_swapped"]
    if swapped is None:
        return "whether it listens cannot be told: no two instructions have a left or right to exchange"
    moved = f"told the other side, {_effect(swapped)}"
    if is_better(swapped):
        return f"left and right look exchanged in the instructions or in the actions of these episodes: {moved}"
    if is_worse(swapped):
        return f"listens: {moved}"
    if swapped["reaction_ci95"][0] > DEAF * speed:
        return f"does not listen: it reacts to the other side, but is no worse for it: {moved}"
    return f"does not listen: {moved}"


def _looks(ablations):
    others, first = ablations["image_shuffled"], ablations["image_first_frame"]
    if is_worse(others):
        return f"looks: with another episode's pictures {_effect(others)}"
    if is_worse(first):
        return (
            f"looks at its pictures only for how far it has come: with another episode's {_effect(others)}; with the "
            f"first for ever {_effect(first)}"
        )
    black = f"; with black ones {_effect(ablations['image_black'])}"
    return f"does not look: with another episode's pictures {_effect(others)}; with the first for ever " + (
        _effect(first) + black
    )


def _colours(ablations):
    exchanged = ablations["image_bgr"]
    if not is_better(exchanged):
        return None
    return (
        f"looks like BGR: with red and blue exchanged {_effect(exchanged)}; these pictures are not in the order of "
        'those it was trained on: see "color_order"'
    )


def _effect(ablation):
    """E.g. `its error changes by +0.310 m/s (+0.250 to +0.370) and its direction by −31 % (−40 % to −22 %)`."""
    change = ablation["change"]
    error = f"{change['mae']:+.3f} m/s ({_span(change['mae_ci95'], '+.3f', ' to ')})"
    accuracy = f"{change['direction_accuracy']:+.0%} ({_span(change['direction_accuracy_ci95'], '+.0%', ' to ')})"
    return f"its error changes by {error} and its right directions by {accuracy}"


def _beats(baselines):
    """What it is not better in than each baseline; a `change` of a baseline is how far it lies above the policy."""
    if not baselines:
        return []
    said = []
    for name, each in baselines.items():
        known = [figure for figure in HIGHER_IS_BETTER if each["change"][figure] is not None]
        if name == "previous_action":  # told what was done, it goes the recorded way, a frame late
            known.remove("final_position_error")
        ties = [figure for figure in known if not worse(each["change"], figure)]
        ahead = [figure for figure in ties if better(each["change"], figure)]
        if ties:
            beaten = f" (and worse on {_listed(ahead)})" if ahead else ""
            said.append(f"not better than {name.replace('_', ' ')} on {_listed(ties)}{beaten}")
    return said or [f"better than all {len(baselines)} baselines on every figure"]


def _listed(names):
    words = [WORDS[name] for name in names]
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _span(interval, form, dash="–"):
    return dash.join(format(bound, form) for bound in interval)
