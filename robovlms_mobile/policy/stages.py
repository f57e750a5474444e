"""Where a replay of golden frames leaves what was recorded: the first value on the way to a velocity that differs."""

from collections.abc import Iterator

import numpy as np
from torch import Tensor

from robovlms_mobile.policy.golden import Golden

GREY = 1  # of 255: what another Pillow may round otherwise
PIXELS = {
    "float32": 5e-3,
    "float16": 1e-2,
    "bfloat16": 5e-2,
    "int8": 5e-3,
}  # of normalised pixels, which are stored in half


def differences(
    golden: Golden, seen: dict[str, Tensor], prompt: str, dtype: str, tolerance: float, versions: dict
) -> Iterator[str]:
    """Yield a sentence for each stage that differs, of those after it only what it does not explain.

    Args:
        golden: what was recorded.
        seen, prompt: what `replay` returned now.
        dtype: of the weights now, torch's name.
        tolerance: m/s.
        versions: package → version, now.
    """
    told = list(_inputs(golden, seen, prompt, dtype))
    yield from told
    if not told:
        yield from _answers(golden, seen, tolerance, versions)


def largest(one: Tensor, other: Tensor) -> float:
    """Return max |Δ|, infinite for other shapes or where one of them is no number."""
    if one.shape != other.shape:
        return float("inf")
    found = float((one.double() - other.double()).abs().max())
    return found if np.isfinite(found) else float("inf")


def _inputs(golden, seen, prompt, dtype):
    recorded = golden.values
    before, now = recorded["planes"], seen["planes"]
    if before.shape != now.shape:
        yield f"picture size: frames become {_size(now)} pixels, recorded are {_size(before)}"
        return
    if (off := largest(before, now)) > GREY:
        if largest(before, now.flip(1)) <= GREY:
            yield "colour order: red and blue are exchanged"
        else:
            yield (
                f"resize: other pixels, by up to {off:.0f} of 255 (another filter, or a part of the frame instead of "
                "the whole)"
            )
    elif (off := largest(recorded["pixels"], seen["pixels"])) > PIXELS[dtype]:
        if largest(recorded["pixels"], seen["pixels"].flip(1)) <= PIXELS[dtype]:
            yield "colour order: red and blue are exchanged after the resize"
        else:
            yield f"normalisation: the vision tower's pixels differ by up to {off:.2g} (another mean or deviation)"
    if prompt != golden.about["prompt"]:
        yield f"prompt: the text is now {prompt!r}, recorded is {golden.about['prompt']!r}"
    elif recorded["ids"].tolist() != seen["ids"].tolist():
        yield f"tokenizer: {prompt!r} becomes {seen['ids'].tolist()}, recorded is {recorded['ids'].tolist()}"


def _answers(golden, seen, tolerance, versions):
    recorded = golden.values
    if recorded["predicted"].shape != seen["predicted"].shape or recorded["actions"].shape != seen["actions"].shape:
        yield f"chunk: {list(seen['actions'].shape)} actions, recorded are {list(recorded['actions'].shape)}"
        return
    each = (recorded["predicted"] - seen["predicted"]).abs().flatten(1).amax(1)  # (F,)
    if not bool(each.isfinite().all()):
        yield "answer: values that are no numbers (NaN or infinite)"
    elif float(each.max()) <= tolerance:
        if (off := largest(recorded["actions"], seen["actions"])) > tolerance:
            yield f"scaling: the head says the same, and the velocities differ by up to {off:.3g} m/s"
    elif float(each[0]) <= tolerance:
        yield "window: the first frame is answered as recorded and later ones are not: other frames are remembered"
    else:
        yield f"weights or stack: the same input is answered otherwise; {_stack(golden.about['versions'], versions)}"


def _stack(before, now):
    changed = [f"{name} {before.get(name)} → {now.get(name)}" for name in before if before[name] != now.get(name)]
    return f"versions that changed: {', '.join(changed)}" if changed else "the versions are those recorded"


def _size(planes):
    return f"{planes.shape[-1]} x {planes.shape[-2]}"
