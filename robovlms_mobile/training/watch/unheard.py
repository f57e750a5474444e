"""What to say of a policy that the instruction or the picture does not reach. Loaded where there is one."""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from robovlms_mobile.errors import ModelError

if TYPE_CHECKING:
    from robovlms_mobile.training.watch.audit import Audit

SHOWN = 6  # tokens named
WHY = "they are masked, overwritten or detached"


def say(found: "Audit", option: str, aloud: bool) -> None:
    """Say what an audit found.

    Args:
        option: of `mobile.audit`, "stop" or "warn".
        aloud: False on other ranks than zero, which do not warn.

    Raises:
        ModelError: what does not reach the action, unless `option` is "warn".
    """
    for about, what in (("not checked before this run: ", found.unchecked), ("", found.doubts)):
        if what and aloud:
            warnings.warn(f"audit: {about}{'; '.join(what)}.", stacklevel=1)
    if found.faults and option == "stop":
        raise refused(found.faults)
    if found.faults and aloud:
        warnings.warn(f"audit: {'; '.join(found.faults)}. The run goes on, as mobile.audit says.", stacklevel=1)


def refused(faults: Sequence[str]) -> ModelError:
    """Return the error for all that does not reach the action, a sentence each."""
    return ModelError(
        "\n".join(f"{each}." for each in faults),
        "Such a model trains to a low loss and is deaf or blind on the robot. Take robovlms_mobile's backbones on an "
        'unchanged transformers, or to go on as it is: "mobile": {"audit": "warn"}.',
    )


def of_the_picture(missing: Sequence[int], of: int) -> str:
    """Return the sentence for tokens of the picture: their numbers among all `of` of them."""
    return (
        f"{len(missing)} of {of} image tokens have no gradient from the action (numbers {ranges(missing)}): on their "
        f"way into the language model {WHY}"
    )


def of_the_instruction(words: Sequence[str], of: int) -> str:
    """Return the sentence for tokens of the instruction, as the tokenizer writes them."""
    shown = " ".join(words[:SHOWN]) + (" …" if len(words) > SHOWN else "")
    return (
        f"{len(words)} of {of} tokens of the instruction have no gradient from the action ({shown}): on their way "
        f"through the language model {WHY}"
    )


def ranges(numbers: Sequence[int]) -> str:
    """Return ascending numbers in words: [3, 4, 5, 9] → "3-5, 9"."""
    found = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ", ".join(f"{first}-{last}" if first < last else str(first) for first, last in found)
