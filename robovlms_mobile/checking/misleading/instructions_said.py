"""Does the instruction tell what it should, and no more? Constant, of another language, or the answer itself."""

import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from robovlms_mobile.checking.misleading.evidence import Evidence, listed
from robovlms_mobile.data.one_side import side_of, signs
from robovlms_mobile.data.split.repeats import chained
from robovlms_mobile.findings import Finding

ASKED = 500  # episodes whose texts are compared, evenly chosen
GIVEN_AWAY = 0.15  # accuracy that a text may have above scenario and frame number


def constant(evidence: Evidence) -> Iterator[Finding]:
    """Yield that every episode has the same instruction, though they do different things."""
    if not evidence.enough or len(set(evidence.texts)) != 1:
        return
    if len({each.scenario or side_of(each) for each in evidence.episodes}) > 1:
        what = f"all {len(evidence.texts)} episodes have one instruction, “{evidence.texts[0]}”"
        fix = "say left and right: a constant instruction teaches nothing about them, and the policy is deaf to it"
        yield Finding("warn", what, evidence.where, fix)


def foreign(evidence: Evidence) -> Iterator[Finding]:
    """Yield instructions in another script than most, or that no chain of common words joins to the usual ones."""
    if not evidence.enough or not evidence.texts:
        return
    counts = Counter(evidence.texts)
    scripts = {text: script(text) for text in counts}
    most = Counter(scripts[text] for text in evidence.texts).most_common(1)[0][0]
    first = {}  # word → the first text with it
    shared = [(text, first.setdefault(word, text)) for text in counts for word in words(text)]
    usual = max(chained(list(counts), shared), key=lambda group: sum(counts[text] for text in group))
    odd = {text for text in counts if scripts[text] != most or text not in usual}
    if odd:
        names = [each.name for each, text in zip(evidence.episodes, evidence.texts, strict=True) if text in odd]
        text = max(odd, key=counts.__getitem__)
        what = (
            f"{len(names)} of {len(evidence.texts)} episodes are told in another language or other words than the rest"
        )
        fix = "tell the robot one language, the one it will hear; the block's instruction can replace the files' own"
        yield Finding("warn", f"{what}, e.g. “{text}”: {listed(names)}", evidence.where, fix)


def given_away(evidence: Evidence) -> Iterator[Finding]:
    """Yield that the text alone, without a picture, predicts actions that scenario and frame number do not."""
    if not evidence.enough or len(set(evidence.texts)) < 2:
        return
    chosen = np.unique(np.linspace(0, len(evidence.texts) - 1, ASKED).round().astype(int))
    episodes, texts = [evidence.episodes[number] for number in chosen], [evidence.texts[number] for number in chosen]
    sequences = [_classes(each.actions) for each in episodes]
    grouped = [each.scenario or f"side {side_of(each)}" for each in episodes]
    by_frame = accuracy(sequences, [""] * len(sequences))[1]
    _, scenario = accuracy(sequences, grouped)
    alone, at_frame = accuracy(sequences, texts)
    blind = max(by_frame, scenario)
    if max(alone, at_frame) > blind + GIVEN_AWAY:
        how = "alone" if alone > blind + GIVEN_AWAY else "and the frame number alone"
        what = (
            f"the instruction {how} predicts {max(alone, at_frame):.0%} of the actions, the frame {by_frame:.0%}, "
            f"frame and scenario {scenario:.0%}: it gives the action away, and the policy need not look"
        )
        yield Finding("warn", what, evidence.where, "say where to go, not which keys: take the plan out of the text")


def accuracy(sequences: Sequence[np.ndarray], texts: Sequence[str]) -> tuple[float, float]:
    """How often others of the same text predict an episode: (whatever the frame, at the same frame).

    A text of its own is predicted by those that share most of its words. The first frame does not count.

    Args:
        sequences: (T,) int, classes from 0, one an episode.
        texts: the text of each.
    """
    shape = (max(map(len, sequences)), 1 + max(int(each.max()) for each in sequences))
    counts = {text: np.zeros(shape, int) for text in texts}
    own = []
    for sequence, text in zip(sequences, texts, strict=True):
        own.append(np.zeros(shape, int))
        own[-1][np.arange(1, len(sequence)), sequence[1:]] = 1
        counts[text] += own[-1]
    many = Counter(texts)
    hits, total = np.zeros(2), 0
    for sequence, text, mine in zip(sequences, texts, own, strict=True):
        others = counts[text] - mine if many[text] > 1 else _nearest(text, counts)
        real = sequence[1:]
        at_frame = np.where(others.any(1), others.argmax(1), others.sum(0).argmax())[1 : len(sequence)]
        hits += (real == others.sum(0).argmax()).sum(), (real == at_frame).sum()
        total += len(real)
    alone, with_frame = hits / max(total, 1)
    return float(alone), float(with_frame)


def words(text: str) -> set[str]:
    """Return the words of a text, in lower case, without punctuation."""
    return set("".join(each if each.isalnum() else " " for each in text.lower()).split())


def script(text: str) -> str:
    """Return the writing that most letters of a text are of, e.g. LATIN or HANGUL; "" without letters."""
    kinds = Counter(unicodedata.name(each, "?").split()[0] for each in text if each.isalpha())
    return kinds.most_common(1)[0][0] if kinds else ""


def _nearest(text, counts):
    """Return the counts of the texts that share most of their words with one that no other episode has."""
    mine = words(text)
    alike = {each: len(mine & words(each)) / max(1, len(mine | words(each))) for each in counts if each != text}
    best = max(alike.values(), default=0)
    return sum((counts[each] for each, value in alike.items() if value == best), np.zeros_like(counts[text]))


def _classes(actions):
    """(T, 3) actions → (T,) int: which of 27, by their signs."""
    return (signs(actions) + 1) @ np.array([9, 3, 1])
