"""Mirror what an episode says and does: left and right in an instruction, the sideways dims of actions. No pixels."""

import re
import warnings
from collections.abc import Iterable

import numpy as np

from robovlms_mobile.data.names import ACTION_DIMS

MIRRORED_DIMS = ("linear_y", "angular_z")

ENGLISH = re.compile(r"(?<![a-z])(left|right)(?=(?:most|wards?|hand(?:ed)?|side|s)?(?![a-z]))", re.IGNORECASE)
KOREAN = re.compile(  # 왼/오른 and 좌/우 take the same particles, so that a swap needs no other change
    r"왼(?=\s?(?:쪽|편|손|발|팔|바퀴|방향))|오른(?=\s?(?:쪽|편|손|발|팔|바퀴|방향))"
    r"|(?<![가-힣])[최앞뒤]?[좌우](?=\s?(?:회전|측|현|전방|후방|상단|하단|방향)|로(?![가-힣]))"
)
KOREAN_PAIRS = str.maketrans("좌우", "우좌")

IN_DOUBT = re.compile(
    # not a side: right now, right behind it, what is left over, a right angle, all right
    r"(?<![a-z])(?:left|right)[\s-]+(?:away|now|here|there|behind|beside|next|in front|over|of way|angle[ds]?)(?![a-z])"
    r"|(?<![a-z])(?:all|is|are|was|were|been|has|have|had) (?:left|right)(?![a-z])"
    # sides this module does not swap: turning senses, other languages
    r"|clockwise|시계\s?방향|바른\s?[쪽편]"
    r"|(?<![a-z])(?:links|rechts|gauche|droite|izquierd[ao]|derech[ao]|sinistra|destra|esquerd[ao]|direit[ao])(?![a-z])",
    re.IGNORECASE,
)


def mirror_instruction(text: str, scenario: str | None = None) -> str | None:
    """Swap left and right in an instruction, in English and Korean alike, both where both are there.

    Args:
        text: the instruction.
        scenario: the episode's, e.g. `1box_hori_left`; when that has a side and the text has none that is known, the
            text may name it in a way that is not understood here.

    Returns:
        str, whose mirror is `text` again; or None when it is in doubt: then the episode must not be mirrored.
    """
    if IN_DOUBT.search(text) or any(_is_foreign(letter) for letter in text):
        return None
    mirrored, english = ENGLISH.subn(lambda found: _swap_english(found[0]), text)
    mirrored, korean = KOREAN.subn(lambda found: _swap_korean(found[0]), mirrored)
    has_side = bool({"left", "right"} & set((scenario or "").split("_")))
    return None if has_side and not english + korean else mirrored


def not_mirrored(instructions: Iterable[tuple[str, str | None]]) -> list[str]:
    """Return what `mirror` leaves alone, to be said once: sorted list of the texts that cannot be mirrored.

    Args:
        instructions: (text, scenario) of every episode.
    """
    return sorted({text for text, scenario in set(instructions) if mirror_instruction(text, scenario) is None})


def warn_of_unmirrored(instructions: Iterable[tuple[str, str | None]]) -> None:
    """Say which instructions `mirror` leaves alone; as `not_mirrored`."""
    if kept := not_mirrored(instructions):
        warnings.warn(f"mirror leaves windows with these instructions as they are: {kept}.", stacklevel=2)


def mirror_actions(actions: np.ndarray) -> np.ndarray:
    """Negate the dims that point sideways. actions: (T, 3) m/s, m/s, rad/s as in ACTION_DIMS → a new array."""
    signs = [-1 if dim in MIRRORED_DIMS else 1 for dim in ACTION_DIMS]
    return actions * np.array(signs, actions.dtype) + np.array(0, actions.dtype)  # + 0: no negative zeros


def _swap_english(word):
    other = {"left": "right", "right": "left"}[word.lower()]
    return other.upper() if word.isupper() else other.capitalize() if word[0].isupper() else other


def _swap_korean(word):
    return {"왼": "오른", "오른": "왼"}.get(word) or word.translate(KOREAN_PAIRS)


def _is_foreign(letter):
    """True for letters that are neither English nor Korean: a language whose left and right are not known."""
    return letter.isalpha() and not (letter.isascii() or "가" <= letter <= "힣" or "ㄱ" <= letter <= "ㆎ")
