"""Is this the policy that was trained? Golden frames are replayed, and what differs is named."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from robovlms_mobile.adapters.reading import read_adapters
from robovlms_mobile.errors import CheckpointError, PolicyError
from robovlms_mobile.policy.building import load_folder
from robovlms_mobile.policy.golden import Golden, has_golden, read_golden, state_of, write_golden
from robovlms_mobile.policy.mobile import MobilePolicy
from robovlms_mobile.policy.replay import replay
from robovlms_mobile.policy.stages import differences, largest
from robovlms_mobile.versions import versions

# m/s that precision explains, ten times and more of what was measured on the demo's policy on a CPU: fp32 with other
# versions of torch and transformers 8e-7, fp16 8e-4, bf16 1.1e-2. Never measured on CUDA.
TOLERANCE = {"float32": 1e-4, "float16": 1e-2, "bfloat16": 0.15, "int8": 0.15}
KINDS = (("model.act_head.", "head"), ("action_token", "action token"), (".lora_", "adapters"))


@dataclass(frozen=True)
class Verification:
    """What came out.

    Attributes:
        folder: what was verified.
        hash: of its contract.
        device, dtype: where and in which precision it computed; None where it did not load.
        difference: max |Δ| of a velocity over all frames, m/s; None where it did not load or has other shapes.
        tolerance: m/s.
        differs: what is not as recorded, a sentence each; empty for the same policy.
    """

    folder: str
    hash: str | None
    device: str | None
    dtype: str | None
    difference: float | None
    tolerance: float | None
    differs: list[str]

    @property
    def same(self) -> bool:
        """True where nothing differs."""
        return not self.differs

    def to_json(self) -> dict:
        """Return all of it as a dict of primitives."""
        return {**asdict(self), "same": self.same}


def verify(folder: str | Path, *, merged: str | Path | None = None, **loading: Any) -> Verification:
    """Replay a folder's golden frames on the policy in it.

    Args:
        folder: an adapter folder with golden frames.
        merged: verify this merged folder instead, by the golden frames of `folder`.
        loading: device, dtype, base, root: see `building.load_folder`.

    Raises:
        CheckpointError: no golden frames, or edited ones; a folder that cannot be read.
        CheckoutError, ModelError: no checkout, or no base model, to ask it with.
    """
    golden, target = read_golden(folder), Path(merged or folder)
    adapters = read_adapters(target)
    changed = [] if merged else list(_changed(golden.folder, _state(adapters, loading.get("base"))))
    try:
        policy = MobilePolicy(load_folder(target, bound=False, **loading), strict=False)
        found = prove(policy, golden)
    except (CheckpointError, PolicyError, ValueError, RuntimeError) as error:  # the last two: the model's own code
        differs = [*changed, f"it cannot be asked: {error}"]
        return Verification(str(target), adapters.contract.get("hash"), None, None, None, None, differs)
    return replace(found, differs=[*changed, *found.differs])


def prove(policy: MobilePolicy, golden: Golden) -> Verification:
    """Replay golden frames on a policy that is loaded. Its own episode is not disturbed."""
    about = policy.metadata
    tolerance = TOLERANCE[about["dtype"]]
    seen, prompt = replay(policy, golden.pictures, golden.about["instruction"])
    off = largest(golden.values["actions"], seen["actions"])
    differs = list(differences(golden, seen, prompt, about["dtype"], tolerance, versions()))
    known = off if off < float("inf") else None
    return Verification(about["folder"], about["hash"], about["device"], about["dtype"], known, tolerance, differs)


def proved(policy: MobilePolicy) -> str:
    """Verify a policy that is about to drive. Returns a sentence for the log.

    Raises:
        CheckpointError: it is not the policy that its golden frames are of.
    """
    folder = policy.metadata["folder"]
    if not has_golden(folder):
        return f"{folder} has no golden frames: not verified. Write them: robovlms-mobile verify ADAPTERS --write"
    found = prove(policy, read_golden(folder))
    if not found.same:
        raise CheckpointError(
            f"{folder} is not the policy that was trained: {'; '.join(found.differs)}.",
            "Do not drive with it. More about it: robovlms-mobile verify ADAPTERS.",
        )
    return f"verified: velocities as recorded to {found.difference:.1e} m/s (tolerance {found.tolerance:g})"


def carry_over(source: str | Path, target: str | Path, **loading: Any) -> Verification:
    """Verify an export by its source's golden frames, and put them into it where it is the same policy.

    Args:
        source: the adapter folder that was exported.
        target: the adapter folder, or merged folder, that was written.
        loading: see `verify`.
    """
    golden = read_golden(source)
    found = verify(source, merged=target, **loading)
    if found.same:
        write_golden(target, replace(golden, folder=_state(read_adapters(target), loading.get("base"))))
    return found


def _state(adapters, base):
    merged = adapters.contract.get("merged")
    return state_of(adapters, adapters.folder if merged else base or adapters.contract.get("base_model"))


def _changed(before: dict, now: dict) -> Iterator[str]:
    """Yield what of a folder's files is not as it was when its golden frames were written."""
    for name, where in (("contract", "contract.json"), ("options", "adapter_config.json")):
        for path, old, new in _leaves(before[name], now[name]):
            yield f"{where}: {path} was {old!r}, is {new!r}"
    groups: dict[str, list[str]] = {}
    for name in sorted(before["tensors"].keys() | now["tensors"].keys()):
        if before["tensors"].get(name) != now["tensors"].get(name):
            kind = next((word for mark, word in KINDS if mark in name), "other weights")
            groups.setdefault(kind, []).append(name)
    for kind, names in groups.items():
        yield f"{kind}: {len(names)} tensors differ, first {names[0]}"
    if None not in (before["base"], now["base"]) and before["base"] != now["base"]:
        yield f"base model: fingerprint was {before['base']}, is {now['base']}"


def _leaves(before, now, path=""):
    """Yield (path, old, new) of every value in two dicts that differs, "hash" apart."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted((before.keys() | now.keys()) - {"hash"}):
            yield from _leaves(before.get(key), now.get(key), f"{path}.{key}".lstrip("."))
    elif before != now:
        yield path, before, now


def describe(found: Verification) -> str:
    """Return a verification as text, a line a fact."""
    lines = [f"policy      {found.folder}, hash {(found.hash or 'none')[:16]}"]
    if found.difference is not None:
        where = f"{found.dtype} on {found.device}"
        lines.append(f"velocities  max |Δ| {found.difference:.1e} m/s, tolerance {found.tolerance:g} in {where}")
    lines += [f"differs     {each}" for each in found.differs] or ["same        nothing differs from what was recorded"]
    return "\n".join(lines)
